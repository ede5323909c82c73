"""Run sheets: a workshop minute by minute, with its minutes from the chapters themselves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from book.workshop.chapters import Chapter, Exercise

LONGEST_STRETCH = 60
EARLY_BREAK = 45
BREAK, LUNCH = 10, 60
WELCOME, SHORT_WELCOME, SURVEY, CHECKPOINT = 10, 5, 5, 3
LEAST_RUN = 3
"""Minutes until a room has found a notebook, started it and come to the same place."""
SHORT = 120
LUNCH_FROM = 150
OWN_WORK = 45


@dataclass(frozen=True)
class Item:
    """One line of a run sheet.

    Parameters
    ----------
    kind : str
        "welcome", "teach", "run", "exercise", "checkpoint", "questions", "survey" or "break".
    title : str
    minutes : int
    chapter : int, optional
    exercise : Exercise, optional
    """

    kind: str
    title: str
    minutes: int
    chapter: int | None = None
    exercise: Exercise | None = None


@dataclass(frozen=True)
class Format:
    """A kind of workshop.

    Parameters
    ----------
    name : str
    slug : str
        For file names.
    days : int
    minutes : int
        Of each day, breaks included.
    taught : tuple of int
        Chapters taught at the length of their reading time.
    told : tuple of int
        Chapters told from their slides, in half of it.
    """

    name: str
    slug: str
    days: int
    minutes: int
    taught: tuple[int, ...]
    told: tuple[int, ...] = ()


FORMATS = (
    Format("90 minutes", "90_minutes", 1, 90, (1,), (4,)),
    Format("Half a day", "half_a_day", 1, 240, (1, 4, 6), (3,)),
    Format("Two days", "two_days", 2, 450, (1, 3, 4, 6, 7, 9, 11, 12, 14), (2, 5, 8, 10, 13)),
)


@dataclass(frozen=True)
class Sheet:
    """A planned workshop.

    Parameters
    ----------
    format : Format
    chapters : tuple of Chapter
        Those of the format that the book has.
    days : tuple of tuple of Item
    """

    format: Format
    chapters: tuple[Chapter, ...]
    days: tuple[tuple[Item, ...], ...]


def plan(form: Format, chapters: Iterable[Chapter]) -> Sheet:
    """Fill the time of a format with chapters, exercises and breaks.

    Chapters come first; exercises fill what is left, the first of each chapter before the second
    of any; what no exercise fits into is time for questions. Chapters of the format that the book
    does not have yet are left out.

    Parameters
    ----------
    form : Format
    chapters : iterable of Chapter

    Raises
    ------
    ValueError
        If the chapters alone take longer than the format.
    """
    wanted = {*form.taught, *form.told}
    chosen = tuple(chapter for chapter in chapters if chapter.number in wanted)
    days = tuple(
        _plan_day(form, day, part, day == form.days - 1)
        for day, part in enumerate(_split(chosen, form))
    )
    return Sheet(form, chosen, days)


def _teaching(form: Format, chapter: Chapter) -> int:
    return chapter.minutes_read if chapter.number in form.taught else -(-chapter.minutes_read // 2)


def _running(chapter: Chapter) -> int:
    return max(LEAST_RUN, chapter.minutes_run)


def _split(chapters: Sequence[Chapter], form: Format) -> list[Sequence[Chapter]]:
    """Chapters of each day, in order, about as many minutes on one day as on the other."""
    total = sum(_teaching(form, chapter) for chapter in chapters)
    parts: list[list[Chapter]] = [[] for _ in range(form.days)]
    passed = 0.0
    for chapter in chapters:
        middle = passed + _teaching(form, chapter) / 2
        parts[min(form.days - 1, int(form.days * middle / max(total, 1)))].append(chapter)
        passed += _teaching(form, chapter)
    return list(parts)


def _plan_day(form: Format, day: int, chapters: Sequence[Chapter], last: bool) -> tuple[Item, ...]:
    chosen: set[str] = set()
    items = _with_breaks(_items(form, day, chapters, chosen, last), form)
    if _total(items) > form.minutes:
        raise ValueError(
            f"{form.name}, day {day + 1}: chapters {[c.number for c in chapters]} alone take "
            f"{_total(items)} minutes of {form.minutes}"
        )
    most = max((len(chapter.exercises) for chapter in chapters), default=0)
    for rank in range(most):
        for chapter in chapters:
            if rank < len(chapter.exercises):
                trial = chosen | {chapter.exercises[rank].key}
                longer = _with_breaks(_items(form, day, chapters, trial, last), form)
                if _total(longer) <= form.minutes:
                    chosen, items = trial, longer
    return _fill(_items(form, day, chapters, chosen, last), form)


def _items(
    form: Format, day: int, chapters: Sequence[Chapter], chosen: set[str], last: bool
) -> list[Item]:
    opening = "Welcome, survey before, check of the computers" if day == 0 else "Where we are"
    length = WELCOME if day == 0 and form.minutes > SHORT else SHORT_WELCOME
    items = [Item("welcome", opening, length)]
    for chapter in chapters:
        number = chapter.number
        how = "" if number in form.taught else ", told from the slides"
        items.append(
            Item(
                "teach", f"Chapter {number}, {chapter.title}{how}", _teaching(form, chapter), number
            )
        )
        items.append(Item("run", "Everyone runs the notebook", _running(chapter), number))
        items += [
            Item("exercise", exercise.title, exercise.minutes, number, exercise)
            for exercise in chapter.exercises
            if exercise.key in chosen
        ]
        items.append(Item("checkpoint", f"The room meets: chapter {number}", CHECKPOINT, number))
    if last:
        items.append(Item("survey", "Survey after, and where to go from here", SURVEY))
    return items


def _with_breaks(items: Sequence[Item], form: Format) -> list[Item]:
    """Put breaks where a stretch would become too long, rather between chapters than within.

    A checkpoint stays with what goes before it: the room meets, and then it goes for coffee.
    """
    placed: list[Item] = []
    stretch, lunch_due = 0, form.minutes > 2 * LUNCH_FROM
    for item, following in zip(items, [*items[1:], None], strict=True):
        new_chapter = item.kind == "teach" and stretch >= EARLY_BREAK
        ahead = item.minutes
        if following is not None and following.kind == "checkpoint":
            ahead += following.minutes
        if stretch and (stretch + ahead > LONGEST_STRETCH or new_chapter):
            lunch = lunch_due and _total(placed) >= LUNCH_FROM
            lunch_due = lunch_due and not lunch
            placed.append(Item("break", "Lunch" if lunch else "Break", LUNCH if lunch else BREAK))
            stretch = 0
        placed.append(item)
        stretch += item.minutes
    return placed


def _fill(items: list[Item], form: Format) -> tuple[Item, ...]:
    """Use the minutes that are left for questions, before the end of the day."""
    place = len(items) - 1 if items[-1].kind == "survey" else len(items)
    questions = Item("questions", "Questions; finish what you began", 0)
    own = Item("questions", "Your own images, or the exercises left out", OWN_WORK)
    while True:
        trial = [*items[:place], own, *items[place:]]
        if _total(_with_breaks(trial, form)) > form.minutes:
            break
        items, place = trial, place + 1
    for minutes in range(OWN_WORK + BREAK, -1, -1):
        extra = [replace(questions, minutes=minutes)] if minutes else []
        filled = _with_breaks([*items[:place], *extra, *items[place:]], form)
        if _total(filled) == form.minutes:
            return tuple(filled)
    # One minute more would bring another break with it: lengthen the last one instead.
    filled = _with_breaks(items, form)
    missing = form.minutes - _total(filled)
    at = max((i for i, item in enumerate(filled) if item.kind == "break"), default=None)
    if at is None:
        return (*filled[:-1], replace(questions, minutes=missing), filled[-1])
    filled[at] = replace(filled[at], minutes=filled[at].minutes + missing)
    return tuple(filled)


def _total(items: Iterable[Item]) -> int:
    return sum(item.minutes for item in items)


def longest_stretch(items: Iterable[Item]) -> int:
    """Most minutes between two breaks.

    Examples
    --------
    >>> longest_stretch([Item("teach", "", 30), Item("break", "", 10), Item("teach", "", 40)])
    40
    """
    longest = stretch = 0
    for item in items:
        stretch = 0 if item.kind == "break" else stretch + item.minutes
        longest = max(longest, stretch)
    return longest


# ------------------------------------------------------------------ as Markdown


def to_markdown(
    sheet: Sheet, start: int | None = None, slides: Mapping[int, int] | None = None
) -> str:
    """The run sheet as a page to print.

    Parameters
    ----------
    sheet : Sheet
    start : int, optional
        When each day starts, in minutes after midnight; without it, times count from the start.
    slides : mapping, optional
        How many slides each chapter has that is told from them.
    """
    form = sheet.format
    length = f"{form.minutes} minutes" + (f" on each of {form.days} days" if form.days > 1 else "")
    clock = (
        "Times count from the start of the day."
        if start is None
        else (f"The day starts at {_clock(start)}.")
    )
    lines = [
        f"# Run sheet: {form.name.lower()}",
        "",
        f"{length}, breaks included; no stretch is longer than {LONGEST_STRETCH} minutes. Minutes "
        "of teaching, running and exercises are those that the chapters give; a chapter told from "
        "its slides takes half of its reading time, and running a notebook together takes at "
        f"least {LEAST_RUN} minutes. {clock}",
        "",
        "## Goals",
        "",
        "At the end, everyone can",
        "",
    ]
    for chapter in sheet.chapters:
        goals = chapter.goals[: 3 if chapter.number in form.taught else 1]
        lines += [f"- {goal.rstrip('.;')} (chapter {chapter.number})" for goal in goals]
    for number, day in enumerate(sheet.days, start=1):
        name = f"Day {number}" if len(sheet.days) > 1 else "Minute by minute"
        lines += ["", f"## {name}", "", *_table(day, start or 0)]
    lines += ["", "## Chapters, section by section", "", *_pace(sheet, slides or {}), ""]
    lines += ["## Checkpoints, where the room meets again", ""]
    for chapter in sheet.chapters:
        lines += _checkpoint(chapter)
    lines += ["## Exercises: what goes wrong, what to say, how to shorten", ""]
    for item in _exercises(sheet):
        note = item.exercise.instructor if item.exercise else ""
        lines += [f"**{item.title}** ({item.minutes} minutes). {note}", ""]
    lines += ["## When you are late", "", *_drops(sheet), ""]
    # Links are between notebooks; a printed page has none.
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", "\n".join(lines))


def parse_clock(text: str) -> int:
    """Minutes after midnight of a time of day.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> parse_clock("9:30")
    570
    """
    found = re.fullmatch(r"(\d{1,2}):(\d\d)", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"start: got {text!r}, wanted a time of day such as 9:30")
    return 60 * int(found[1]) + int(found[2])


def _pace(sheet: Sheet, slides: Mapping[int, int]) -> list[str]:
    """How the minutes of each chapter fall to its sections."""
    lines = ["Minutes for each section, in proportion to its text, code and figures.", ""]
    for chapter in sheet.chapters:
        minutes = _teaching(sheet.format, chapter)
        if not chapter.sections:
            continue
        parts = _shares(minutes, [length for _, length in chapter.sections])
        told = ""
        if chapter.number in sheet.format.told and chapter.number in slides:
            told = f", {slides[chapter.number]} slides with the key c"
        text = " · ".join(
            f"{title} {part or '½'}"
            for (title, _), part in zip(chapter.sections, parts, strict=True)
        )
        lines += [f"**Chapter {chapter.number}** ({minutes} minutes{told}): {text}", ""]
    return lines[:-1]


def _shares(whole: int, lengths: Sequence[int]) -> list[int]:
    """Whole minutes for each length, which add up.

    Examples
    --------
    >>> _shares(10, [100, 100, 50, 1])
    [4, 4, 2, 0]
    """
    exact = [whole * length / max(1, sum(lengths)) for length in lengths]
    shares = [int(part) for part in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in by_rest[: whole - sum(shares)]:
        shares[i] += 1
    return shares


def _exercises(sheet: Sheet) -> list[Item]:
    return [item for day in sheet.days for item in day if item.exercise]


def _table(day: Sequence[Item], start: int) -> list[str]:
    lines = ["| from | to | minutes | what |", "|---|---|---|---|"]
    now = start
    for item in day:
        title = f"**{item.title}**" if item.kind in ("teach", "break") else item.title
        end = now + item.minutes
        lines.append(f"| {_clock(now)} | {_clock(end)} | {item.minutes} | {title} |")
        now = end
    lines.append(f"| | | **{now - start}** | in all |")
    return lines


def _clock(minutes: int) -> str:
    """Hours and minutes, since the start or since midnight.

    Examples
    --------
    >>> _clock(75)
    '1:15'
    """
    return f"{minutes // 60}:{minutes % 60:02}"


def _checkpoint(chapter: Chapter) -> list[str]:
    lines = [f"### Chapter {chapter.number}: {chapter.title}", ""]
    if chapter.claims:
        lines += [f"Everyone should now agree that: {chapter.claims[0]}", ""]
    if chapter.questions:
        question = chapter.questions[0]
        lines += [
            "Ask, hands up for each option:",
            "",
            question.text,
            "",
            f"Answer: {question.answer}",
            "",
        ]
    return lines


def _drops(sheet: Sheet) -> list[str]:
    """What to leave out, in this order, and the minutes it gives back."""
    lines = [
        "Leave out in this order, beginning where you are; never a break, and never a "
        "checkpoint. The minutes are those that you get back."
    ]
    for number, day in enumerate(sheet.days, start=1):
        by_chapter: dict[int | None, list[Item]] = {}
        for item in day:
            by_chapter.setdefault(item.chapter, []).append(item)
        lines += ["", f"**Day {number}**"] if len(sheet.days) > 1 else []
        lines.append("")
        for items in by_chapter.values():
            extra = [item for item in items if item.exercise][:0:-1]
            lines += [f"1. {item.title}: {item.minutes} minutes." for item in extra]
        here = [chapter for chapter in sheet.chapters if chapter.number in by_chapter]
        lines += [
            f"1. Chapter {chapter.number}, told from the slides: show only its first figure and "
            f"its key claims: {max(1, _teaching(sheet.format, chapter) - 5)} minutes."
            for chapter in reversed(here)
            if chapter.number in sheet.format.told
        ]
        lines.append("1. Running the notebooks: run yours, and let the others watch.")
    return lines
