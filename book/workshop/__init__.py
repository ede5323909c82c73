"""Material for a workshop, written from the book's own notebooks.

Nothing here knows a chapter by name: titles, minutes, goals, exercises, hints, solutions, notes
and quiz come from the notebooks' cells and metadata, so a chapter that changes changes the
material with it.
"""
