// Calls functions of a figure's module: reads {module, cases: [{call, args}]} from standard
// input, writes the results as JSON. Typed arrays become lists.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { module, cases } = JSON.parse(readFileSync(0, "utf8"));
const figure = await import(pathToFileURL(module));
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const results = cases.map(({ call, args }) => figure[call](...args));
process.stdout.write(JSON.stringify(results, plain));
