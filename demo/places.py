"""Where the demo's customers live: cities with their country, time zone, locale, postal code and telephone prefix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """What all of a country's cities share. `postal` holds # for a digit and @ for a letter."""

    code: str
    locale: str
    names: str
    currency: str
    prefix: str
    postal: str
    streets: tuple[str, ...]


COUNTRIES = {
    country.code: country
    for country in (
        Country(
            "IT",
            "it-IT",
            "it_IT",
            "EUR",
            "+39 3",
            "#####",
            ("Via Garibaldi", "Via Dante", "Corso Italia", "Via Verdi"),
        ),
        Country(
            "FR",
            "fr-FR",
            "fr_FR",
            "EUR",
            "+33 6",
            "#####",
            ("Rue Victor Hugo", "Rue de la Paix", "Avenue Foch"),
        ),
        Country("DE", "de-DE", "de_DE", "EUR", "+49 15", "#####", ("Hauptstraße", "Bahnhofstraße", "Gartenweg")),
        Country("ES", "es-ES", "es_ES", "EUR", "+34 6", "#####", ("Calle Mayor", "Calle de Alcalá", "Gran Vía")),
        Country("GB", "en-GB", "en_GB", "GBP", "+44 7", "@@# #@@", ("High Street", "Church Lane", "Station Road")),
        Country("US", "en-US", "en_US", "USD", "+1 2", "#####", ("Main Street", "Oak Avenue", "Maple Drive")),
        Country("BR", "pt-BR", "pt_BR", "BRL", "+55 9", "#####-###", ("Rua das Flores", "Avenida Brasil")),
        Country("IN", "en-IN", "en_IN", "INR", "+91 9", "######", ("MG Road", "Park Street")),
        Country("PL", "pl-PL", "pl_PL", "EUR", "+48 5", "##-###", ("Ulica Polna", "Ulica Leśna")),
        Country("NL", "nl-NL", "nl_NL", "EUR", "+31 6", "#### @@", ("Dorpsstraat", "Kerkstraat")),
        Country("PT", "pt-PT", "pt_PT", "EUR", "+351 9", "####-###", ("Rua Direita", "Avenida da Liberdade")),
        Country("SE", "sv-SE", "sv_SE", "EUR", "+46 7", "### ##", ("Storgatan", "Kungsgatan")),
    )
}

CITIES: tuple[tuple[str, str, str, int], ...] = (  # name, country, time zone, weight
    ("Rome", "IT", "Europe/Rome", 110), ("Milan", "IT", "Europe/Rome", 95), ("Turin", "IT", "Europe/Rome", 35),
    ("Naples", "IT", "Europe/Rome", 38), ("Bologna", "IT", "Europe/Rome", 24), ("Florence", "IT", "Europe/Rome", 24),
    ("Venice", "IT", "Europe/Rome", 12), ("Palermo", "IT", "Europe/Rome", 16), ("Genoa", "IT", "Europe/Rome", 14),
    ("Paris", "FR", "Europe/Paris", 90), ("Lyon", "FR", "Europe/Paris", 26), ("Marseille", "FR", "Europe/Paris", 22),
    ("Bordeaux", "FR", "Europe/Paris", 12), ("Lille", "FR", "Europe/Paris", 10), ("Nice", "FR", "Europe/Paris", 10),
    ("Berlin", "DE", "Europe/Berlin", 48), ("Munich", "DE", "Europe/Berlin", 36), ("Hamburg", "DE", "Europe/Berlin", 28),
    ("Cologne", "DE", "Europe/Berlin", 20), ("Frankfurt", "DE", "Europe/Berlin", 18), ("Leipzig", "DE", "Europe/Berlin", 9),
    ("Madrid", "ES", "Europe/Madrid", 36), ("Barcelona", "ES", "Europe/Madrid", 34), ("Valencia", "ES", "Europe/Madrid", 13),
    ("Seville", "ES", "Europe/Madrid", 11), ("Las Palmas", "ES", "Atlantic/Canary", 5),
    ("London", "GB", "Europe/London", 52), ("Manchester", "GB", "Europe/London", 18), ("Bristol", "GB", "Europe/London", 9),
    ("Edinburgh", "GB", "Europe/London", 10), ("Leeds", "GB", "Europe/London", 8),
    ("New York", "US", "America/New_York", 40), ("Boston", "US", "America/New_York", 12),
    ("Chicago", "US", "America/Chicago", 16), ("Austin", "US", "America/Chicago", 9), ("Denver", "US", "America/Denver", 8),
    ("San Francisco", "US", "America/Los_Angeles", 18), ("Los Angeles", "US", "America/Los_Angeles", 20),
    ("Seattle", "US", "America/Los_Angeles", 10), ("São Paulo", "BR", "America/Sao_Paulo", 16),
    ("Rio de Janeiro", "BR", "America/Sao_Paulo", 9), ("Mumbai", "IN", "Asia/Kolkata", 12),
    ("Bengaluru", "IN", "Asia/Kolkata", 11), ("Warsaw", "PL", "Europe/Warsaw", 12), ("Kraków", "PL", "Europe/Warsaw", 7),
    ("Amsterdam", "NL", "Europe/Amsterdam", 16), ("Utrecht", "NL", "Europe/Amsterdam", 6),
    ("Lisbon", "PT", "Europe/Lisbon", 12), ("Porto", "PT", "Europe/Lisbon", 8), ("Stockholm", "SE", "Europe/Stockholm", 11),
)  # fmt: skip
