"""Run sheets: a workshop minute by minute, with its minutes from the chapters themselves."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, pairwise, takewhile, zip_longest

from book.workshop import slides
from book.workshop.chapters import Chapter, Exercise
from book.workshop.rendering import fill, without_links

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
    days : int
    minutes : int
        Of each day, breaks included.
    taught : tuple of int
        Chapters taught at the length of their reading time.
    told : tuple of int
        Chapters told from their slides, in half of it.
    """

    name: str
    days: int
    minutes: int
    taught: tuple[int, ...]
    told: tuple[int, ...] = ()

    @property
    def slug(self) -> str:
        """The name as a file has it."""
        return self.name.lower().replace(" ", "_")


FORMATS = (
    Format("90 minutes", 1, 90, (1,), (4,)),
    Format("Half a day", 1, 240, (1, 4, 6), (3,)),
    Format("Two days", 2, 480, (1, 3, 4, 6, 7, 9, 11, 12), (2, 5, 8, 10, 13, 14, 15)),
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
    parts = enumerate(_split(chosen, form))
    return Sheet(form, chosen, tuple(_plan_day(form, day, part) for day, part in parts))


def _teaching(form: Format, chapter: Chapter) -> int:
    return chapter.minutes_read if chapter.number in form.taught else -(-chapter.minutes_read // 2)


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


def _plan_day(form: Format, day: int, chapters: Sequence[Chapter]) -> tuple[Item, ...]:
    chosen: set[str] = set()
    alone = _total(_with_breaks(_items(form, day, chapters, chosen), form))
    if alone > form.minutes:
        taken = f"chapters {[c.number for c in chapters]} alone take {alone} minutes"
        raise ValueError(f"{form.name}, day {day + 1}: {taken} of {form.minutes}")
    ranks = zip_longest(*(chapter.exercises for chapter in chapters))
    for exercise in filter(None, chain.from_iterable(ranks)):
        trial = chosen | {exercise.key}
        if _total(_with_breaks(_items(form, day, chapters, trial), form)) <= form.minutes:
            chosen = trial
    return _fill(_items(form, day, chapters, chosen), form)


def _items(form: Format, day: int, chapters: Sequence[Chapter], chosen: set[str]) -> list[Item]:
    opening = "Welcome, survey before, check of the computers" if day == 0 else "Where we are"
    length = WELCOME if day == 0 and form.minutes > SHORT else SHORT_WELCOME
    items = [Item("welcome", opening, length)]
    for chapter in chapters:
        number = chapter.number
        how = "" if number in form.taught else ", told from the slides"
        title = f"Chapter {number}, {chapter.title}{how}"
        running = max(LEAST_RUN, chapter.minutes_run)
        items.append(Item("teach", title, _teaching(form, chapter), number))
        items.append(Item("run", "Everyone runs the notebook", running, number))
        for one in chapter.exercises:
            if one.key in chosen:
                items.append(Item("exercise", one.title, one.minutes, number, one))
        items.append(Item("checkpoint", f"The room meets: chapter {number}", CHECKPOINT, number))
    if day == form.days - 1:
        items.append(Item("survey", "Survey after, and where to go from here", SURVEY))
    return items


def _with_breaks(items: Sequence[Item], form: Format) -> list[Item]:
    """Put breaks where a stretch would become too long, rather between chapters than within.

    A checkpoint stays with what goes before it, and so does the survey: the room meets, and then
    it goes for coffee.
    """
    placed: list[Item] = []
    stretch, lunch_due = 0, form.minutes > 2 * LUNCH_FROM
    for at, item in enumerate(items):
        new_chapter = item.kind == "teach" and stretch >= EARLY_BREAK
        following = takewhile(lambda one: one.kind in ("checkpoint", "survey"), items[at + 1 :])
        ahead = item.minutes + _total(following)
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
    at = max((i for i, item in enumerate(filled) if item.kind == "break"), default=place - 1)
    longer = filled[at].minutes + form.minutes - _total(filled)
    return (*filled[:at], replace(filled[at], minutes=longer), *filled[at + 1 :])


def _total(items: Iterable[Item]) -> int:
    return sum(item.minutes for item in items)


# ------------------------------------------------------------------ as Markdown


def to_markdown(sheet: Sheet, start: int | None = None) -> str:
    """The run sheet as a page to print.

    Parameters
    ----------
    sheet : Sheet
    start : int, optional
        When each day starts, in minutes after midnight; without it, times count from the start.
    """
    text = fill(
        "run_sheet.md.jinja",
        form=sheet.format,
        chapters=sheet.chapters,
        clock="" if start is None else clock(start),
        longest_stretch=LONGEST_STRETCH,
        least_run=LEAST_RUN,
        timetables=[_timetable(day, start or 0) for day in sheet.days],
        paces=_paces(sheet),
        exercises=[item for day in sheet.days for item in day if item.exercise],
        drops=[_drops(sheet, day) for day in sheet.days],
    )
    return without_links(text)


def to_handout(sheet: Sheet) -> str:
    """What pairs fill in: what to open, exercises and checkpoints' questions, with room below."""
    chosen = {item.exercise.key for item in chain(*sheet.days) if item.exercise}
    return without_links(fill("handout.md.jinja", sheet=sheet, chosen=chosen))


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
    >>> parse_clock("9.30")
    Traceback (most recent call last):
    ValueError: start is '9.30', wanted a time of day such as 9:30
    """
    try:
        found = datetime.datetime.strptime(text, "%H:%M")
    except ValueError as error:
        raise ValueError(f"start is {text!r}, wanted a time of day such as 9:30") from error
    return 60 * found.hour + found.minute


def clock(minutes: int) -> str:
    """Hours and minutes, since the start or since midnight.

    Examples
    --------
    >>> clock(75)
    '1:15'
    """
    return f"{minutes // 60}:{minutes % 60:02}"


def _timetable(day: Sequence[Item], start: int) -> list[tuple[str, str, Item]]:
    """When each item begins and ends."""
    ends = [start + end for end in accumulate(item.minutes for item in day)]
    pairs = zip(ends, day, strict=True)
    return [(clock(end - item.minutes), clock(end), item) for end, item in pairs]


def _paces(sheet: Sheet) -> list[tuple[int, str, str]]:
    """How the minutes of each chapter fall to its sections: number, length, sections."""
    paces = []
    for chapter in sheet.chapters:
        minutes = _teaching(sheet.format, chapter)
        told = chapter.number in sheet.format.told
        how = f", {slides.told(chapter)} slides with the key c" if told else ""
        titles, lengths = zip(*chapter.sections, strict=True)
        shares = zip(titles, _shares(minutes, lengths), strict=True)
        text = " · ".join(f"{title} {share or '½'}" for title, share in shares)
        paces.append((chapter.number, f"{minutes} minutes{how}", text))
    return paces


def _shares(whole: int, lengths: Sequence[int]) -> list[int]:
    """Whole minutes for each length, which add up.

    Examples
    --------
    >>> _shares(10, [100, 100, 50, 1])
    [4, 4, 2, 0]
    """
    total = max(1, sum(lengths))
    ends = [round(whole * passed / total) for passed in accumulate(lengths)]
    return [end - begin for begin, end in pairwise([0, *ends])]


def _drops(sheet: Sheet, day: Sequence[Item]) -> list[str]:
    """What to leave out of a day, in this order, and the minutes it gives back.

    Of each chapter the exercises but the first, the last one first; then chapters that are told.
    """
    drops = []
    here = [c for c in sheet.chapters if any(item.chapter == c.number for item in day)]
    for chapter in here:
        exercises = [item for item in day if item.chapter == chapter.number and item.exercise]
        drops += [f"{item.title}: {item.minutes} minutes." for item in exercises[:0:-1]]
    drops += [
        f"Chapter {chapter.number}, told from the slides: show only its first figure and "
        f"its key claims: {max(1, _teaching(sheet.format, chapter) - 5)} minutes."
        for chapter in reversed(here)
        if chapter.number in sheet.format.told
    ]
    return [*drops, "Running the notebooks: run yours, and let the others watch."]
