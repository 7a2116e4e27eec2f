"""Where the firm's people live: languages, names, mail providers, clocks; and the vocabulary of companies.

Invariant: plain tables; nothing here is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from leadline.company.dice import Weights


@dataclass(frozen=True, slots=True)
class Market:
    """A region people come from."""

    language: str
    locale: str
    offset: float  # hours ahead of UTC in business hours
    suffix: str  # of business domains
    phone: str  # country code
    free_mail: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


MARKETS: Final = {
    "us": Market(
        "en", "en-US", -6, "com", "+1", ("gmail.com", "yahoo.com", "outlook.com"),
        ("James", "Olivia", "Ethan", "Grace", "Noah", "Chloe", "Mason", "Ruby", "Caleb", "Hazel", "Tyler", "Brooke"),
        ("Walker", "Bennett", "Hughes", "Coleman", "Foster", "Reyes", "Griffin", "Hayes", "Sutton", "Marsh", "Lowe"),
    ),
    "uk": Market(
        "en", "en-GB", 0, "co.uk", "+44", ("gmail.com", "hotmail.com", "icloud.com"),
        ("Harriet", "Alfie", "Imogen", "Oscar", "Freya", "Rowan", "Poppy", "Callum", "Niamh", "Rhys"),
        ("Whitfield", "Barlow", "Pemberton", "Ashworth", "Kendall", "Thorne", "Radcliffe", "Holt", "Fenwick"),
    ),
    "de": Market(
        "de", "de-DE", 1, "de", "+49", ("gmx.de", "web.de", "gmail.com"),
        ("Jürgen", "Katrin", "Lukas", "Anneke", "Björn", "Sabine", "Florian", "Heike", "Moritz", "Greta"),
        ("Müller", "Schäfer", "Vogel", "Brandt", "Köhler", "Lindner", "Wolff", "Neumann", "Großmann", "Ziegler"),
    ),
    "fr": Market(
        "fr", "fr-FR", 1, "fr", "+33", ("orange.fr", "free.fr", "gmail.com"),
        ("Élodie", "Mathieu", "Camille", "Thibault", "Océane", "Julien", "Maëlle", "Bastien", "Solène", "Rémi"),
        ("Lefèvre", "Moreau", "Girard", "Chevalier", "Perrin", "Blanchard", "Renaud", "Marchand", "Gaillard"),
    ),
    "es": Market(
        "es", "es-ES", 1, "es", "+34", ("gmail.com", "hotmail.es", "yahoo.es"),
        ("José", "Lucía", "Álvaro", "Marta", "Íñigo", "Carmen", "Rubén", "Nuria", "Sergio", "Paloma"),
        ("Núñez", "Ortega", "Castaño", "Vidal", "Ibáñez", "Molina", "Serrano", "Cano", "Herrero", "Prieto"),
    ),
    "in": Market(
        "hi", "hi-IN", 5.5, "in", "+91", ("gmail.com", "rediffmail.com", "yahoo.co.in"),
        ("Aarav", "Ananya", "Rohan", "Priya", "Vikram", "Kavya", "Arjun", "Meera", "Nikhil", "Shreya"),
        ("Sharma", "Iyer", "Banerjee", "Kulkarni", "Reddy", "Chauhan", "Menon", "Desai", "Bhatt", "Saxena"),
    ),
    "br": Market(
        "pt", "pt-BR", -3, "com.br", "+55", ("gmail.com", "uol.com.br", "bol.com.br"),
        ("João", "Beatriz", "Thiago", "Larissa", "Caio", "Fernanda", "Rafael", "Júlia", "Murilo", "Letícia"),
        ("Araújo", "Conceição", "Teixeira", "Moraes", "Cardoso", "Pinheiro", "Barreto", "Vieira", "Assunção"),
    ),
}  # fmt: skip

MARKET_SHARES: Final = Weights({"us": 34, "uk": 14, "de": 16, "fr": 10, "es": 9, "in": 10, "br": 7})

COMPANY_FIRST: Final = (
    "bright", "north", "stone", "silver", "clear", "blue", "iron", "green", "swift", "red", "gold", "still", "high",
    "deep", "oak", "cedar", "wind", "sun", "frost", "wild", "fair", "long", "new", "east", "west", "amber", "river",
)  # fmt: skip
COMPANY_SECOND: Final = (
    "forge", "field", "harbor", "bridge", "gate", "mill", "crest", "wood", "haven", "point", "ridge", "brook", "ford",
    "works", "port", "lane", "vale", "cliff", "marsh", "spring", "shore", "hill", "tower", "yard", "wharf", "moor",
)  # fmt: skip

# HubSpot industry -> (share, fit, word of the company's name)
INDUSTRIES: Final = {
    "COMPUTER_SOFTWARE": (17, 0.8, "Software"),
    "INFORMATION_TECHNOLOGY_AND_SERVICES": (9, 0.7, "Systems"),
    "FINANCIAL_SERVICES": (13, 0.8, "Capital"),
    "LOGISTICS_AND_SUPPLY_CHAIN": (10, 0.7, "Logistics"),
    "RETAIL": (12, -0.4, "Stores"),
    "INSURANCE": (6, -0.3, "Insurance"),
    "TELECOMMUNICATIONS": (5, -0.3, "Telecom"),
    "HOSPITAL_HEALTH_CARE": (8, -0.6, "Clinics"),
    "AUTOMOTIVE": (6, -0.5, "Motors"),
    "EDUCATION_MANAGEMENT": (6, -0.9, "College"),
    "CONSTRUCTION": (5, -0.9, "Construction"),
    "RESTAURANTS": (3, -1.0, "Kitchens"),
}
INDUSTRY_SHARES: Final = Weights({name: share for name, (share, _, _) in INDUSTRIES.items()})

# What the product plugs into, and what says nothing. One fitting technology is enough to start, none is an obstacle.
FITTING_TECHNOLOGIES: Final = ("snowflake", "kafka", "salesforce", "hubspot", "segment", "postgresql")
OTHER_TECHNOLOGIES: Final = ("excel", "ms-access", "wordpress", "sap", "oracle", "tableau", "jira", "zendesk")
TECHNOLOGY_FIT: Final = (-0.9, 0.3, 0.6, 0.7)  # by the number of fitting ones

# Up to how many employees -> fit: too small to pay, the sweet spot, big enough to build it themselves.
SIZE_FIT: Final = ((10, -2.2), (50, -0.7), (200, 0.7), (1_000, 1.1), (5_000, 0.2), (1_000_000, -1.7))

# job title -> (share, fit): those who run the team buy, those above delegate, those below cannot sign
TITLES: Final = {
    "Chief Data Officer": (5, -0.3),
    "CTO": (8, -0.4),
    "VP Engineering": (6, 0.6),
    "VP Revenue Operations": (5, 0.7),
    "Head of Data": (10, 0.9),
    "Director of Analytics": (10, 0.9),
    "Data Engineering Manager": (12, 0.3),
    "Senior Data Engineer": (14, -0.2),
    "Data Analyst": (14, -0.4),
    "Marketing Specialist": (9, -0.5),
    "Consultant": (5, -0.7),
    "Student": (3, -2.2),
    "Intern": (2, -2.0),
}
TITLE_SHARES: Final = Weights({name: share for name, (share, _) in TITLES.items()})

BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
BOTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
    "python-requests/2.32.3",
)
