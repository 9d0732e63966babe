"""What one part of one mail may cost at most. Real mails stay far below; beyond is a mistake or malice."""

MOST_WORK = 50_000  # steps: an element of a loop's body once per round, sixteen characters made
LONGEST_TEXT = 100_000  # characters of a value, given or made
MOST_ITEMS = 1_000  # of a loop, a list that is passed, range()
LONGEST_NUMBER = 1_024  # bits
HIGHEST_POWER = 64
MOST_SOURCE = 1_000_000  # characters of a part's source
MOST_DIGITS = 10  # after the point, of round()
