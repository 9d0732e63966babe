"""Customers: names of their country, an address of a reserved domain, opt-ins, and the dirt that every CRM has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import import_module

import numpy as np
import numpy.typing as npt

from demo.copying import NULL, Times, as_text, escaped
from demo.places import CITIES, COUNTRIES

COLUMNS = (
    "first_name", "last_name", "email", "phone", "company", "job_title", "street", "postal_code", "city", "country",
    "time_zone", "locale", "date_of_birth", "plan", "lead_source", "email_opt_in", "whatsapp_opt_in", "sms_opt_in", "tags",
    "created_at", "updated_at",
)  # fmt: skip

DOMAINS = ("example.com", "mail.example.com", "example.org", "example.net")
PLANS = ("free", "basic", "pro", "enterprise")
SOURCES = ("organic", "ads", "referral", "event", "import")
TAGS = ("newsletter", "loyalty", "b2b", "press", "beta", "wholesale")
TITLES = ("Buyer", "Owner", "Office manager", "Head of design", "Accountant")
ODD_NAMES = ("O'Brien", "🙂 Ada", "محمد", "Łukasz-Żółć", "de  la  Cruz", "Anne-\tMarie")

Draws = npt.NDArray[np.float64]


@cache
def name_pools(locale: str) -> tuple[list[str], list[str]]:
    """First and last names of a locale, out of Faker's lists."""
    provider = import_module(f"faker.providers.person.{locale}").Provider
    firsts = getattr(provider, "first_names", None) or (
        *provider.first_names_male,
        *provider.first_names_female,
    )
    lasts = getattr(provider, "last_names", None) or (*provider.last_names_male, *provider.last_names_female)
    return sorted(map(str, firsts)), sorted(map(str, lasts))


def customers(
    chance: np.random.Generator, created: Times, updated: Times, plan: npt.NDArray[np.int64], today: datetime
) -> Iterator[tuple[str, ...]]:
    """One row of COPY texts per customer, in the order of `created`."""
    count = len(created)
    weights = np.array([city[3] for city in CITIES], dtype=float)
    cities = chance.choice(len(CITIES), size=count, p=weights / weights.sum())
    draws = chance.random((count, 16))
    numbers = chance.integers(0, 10**9, size=(count, 5))
    ages = np.clip(chance.gamma(9.0, 4.6, size=count), 17, 96)
    born = (np.datetime64(today.date()) - (ages * 365.25).astype("timedelta64[D]")).astype(str).tolist()
    created_texts, updated_texts = as_text(created), as_text(updated)
    emails: list[str] = []
    for index in range(count):
        row = _customer(index, cities[index], draws[index].tolist(), numbers[index].tolist(), emails)
        yield (
            *row[:12],
            born[index] if draws[index, 12] < 0.7 else ("1901-01-01" if draws[index, 12] < 0.703 else NULL),
            PLANS[plan[index]],
            *row[12:],
            created_texts[index],
            updated_texts[index],
        )


def _customer(index: int, city_number: int, draw: list[float], number: list[int], emails: list[str]) -> tuple[str, ...]:
    city, code, time_zone, _ = CITIES[city_number]
    country = COUNTRIES[code]
    firsts, lasts = name_pools(country.names)
    first, last = firsts[number[0] % len(firsts)], lasts[number[1] % len(lasts)]
    email = _address(first, last, index, number[2])
    emails.append(email)
    company = f"{last} {('& Co', 'Studio', 'Group', 'Trading')[number[3] % 4]}" if draw[0] < 0.25 else None
    return (
        escaped(_dirty_name(first, draw[1])),
        escaped(_dirty_name(last, draw[2])),
        escaped(_dirty_address(email, draw[3], emails, number[2])),
        f"{country.prefix}{number[2] % 10**8:08d}" if draw[4] < 0.8 else NULL,
        escaped(company),
        TITLES[number[4] % len(TITLES)] if company else NULL,
        f"{country.streets[number[3] % len(country.streets)]} {number[4] % 140 + 1}",
        _postal_code(country.postal, number[3]),
        escaped(city if draw[5] > 0.02 else city.upper()),
        code,
        time_zone,
        country.locale,
        SOURCES[min(int(draw[6] ** 1.6 * len(SOURCES)), len(SOURCES) - 1)],
        _opt_in(draw[7], 0.64, 0.20),
        _opt_in(draw[8], 0.41, 0.25),
        _opt_in(draw[9], 0.28, 0.30),
        "{" + ",".join(tag for position, tag in enumerate(TAGS) if number[4] >> position & 7 == 0) + "}",
    )


def _address(first: str, last: str, index: int, number: int) -> str:
    folded = unicodedata.normalize("NFKD", f"{first}.{last}".lower())
    plain = "".join(letter for letter in folded if letter.isascii() and (letter.isalnum() or letter == "."))
    return f"{plain.strip('.') or 'customer'}.{index + 1}@{DOMAINS[number % len(DOMAINS)]}"


def _dirty_name(name: str, draw: float) -> str | None:
    if draw > 0.04:
        return name
    return (None, name.upper(), name.lower(), f"  {name} ", ODD_NAMES[int(draw * 10_000) % len(ODD_NAMES)])[
        int(draw * 125) % 5
    ]


def _dirty_address(email: str, draw: float, earlier: list[str], number: int) -> str | None:
    if draw > 0.075:
        return email
    variants = (
        None, "", email.replace("@", "@@"), email.replace("@", " at "), f" {email.upper()} ", email.title(), earlier[number % len(earlier)],
    )  # fmt: skip
    return variants[int(draw * 10_000) % len(variants)]


def _postal_code(pattern: str, number: int) -> str:
    letters = (
        chr(ord("A") + number // 7**place % 26)
        if mark == "@"
        else str(number // 3**place % 10)
        if mark == "#"
        else mark
        for place, mark in enumerate(pattern)
    )
    return "".join(letters)


def _opt_in(draw: float, yes: float, no: float) -> str:
    return "t" if draw < yes else "f" if draw < yes + no else NULL
