"""Invented buyers for a demonstration.

Names, streets, places and messages read like real ones and belong to no one. Tests use canaries
instead (`canary_texts`), so that a search for personal data can find them.
"""

from __future__ import annotations

from typing import Any

from theseller.emulator.world.order_types import Order
from theseller.emulator.world.random_draws import number

CANARIES, PLAUSIBLE = "canaries", "plausible"
#: By country of delivery: first names, family names, streets (with ``{}`` for the number), and
#: (city, state, postal code).
_FIRST = {
    "DE": ("Anna", "Jonas", "Lena", "Paul", "Miriam", "Tobias"),
    "FR": ("Camille", "Hugo", "Louise", "Théo", "Manon", "Julien"),
    "MX": ("Sofía", "Mateo", "Valeria", "Diego", "Camila", "Andrés"),
    "JP": ("葵", "蓮", "陽菜", "湊", "結衣", "大翔"),
    "": (
        "Emma",
        "Noah",
        "Grace",
        "Oliver",
        "Hannah",
        "James",
        "Chloe",
        "Marcus",
        "Priya",
        "Daniel",
        "Ruth",
        "Leon",
    ),
}
_FAMILY = {
    "DE": ("Bergmann", "Lorenz", "Seidel", "Vogt", "Krämer", "Wendt"),
    "FR": ("Lefèvre", "Moreau", "Garnier", "Chevalier", "Blanc", "Roussel"),
    "MX": ("Hernández", "Castillo", "Ramírez", "Ortega", "Salazar", "Medina"),
    "JP": ("佐々木", "高橋", "小川", "森田", "石井", "藤原"),
    "": (
        "Whitfield",
        "Carver",
        "Holloway",
        "Bennett",
        "Ashworth",
        "Parrish",
        "Delgado",
        "Nguyen",
        "Okafor",
        "Sutton",
        "Lindqvist",
        "Marsh",
    ),
}
_STREETS = {
    "DE": (
        "Lindenstraße {}",
        "Am Mühlbach {}",
        "Gartenweg {}",
        "Bahnhofstraße {}",
        "Feldstraße {}",
        "Schulweg {}",
    ),
    "FR": (
        "{} rue des Tilleuls",
        "{} avenue du Moulin",
        "{} place du Marché",
        "{} rue de la Gare",
        "{} chemin des Vignes",
        "{} rue du Pont",
    ),
    "MX": (
        "Calle Jacarandas {}",
        "Av. de los Fresnos {}",
        "Calle del Molino {}",
        "Calle Hidalgo {}",
        "Av. Reforma {}",
    ),
    "JP": ("桜町{}番地", "緑ヶ丘{}番地", "若葉台{}番地"),
    "": (
        "{} Maple Street",
        "{} Mill Lane",
        "{} Orchard Road",
        "{} Cedar Avenue",
        "{} Station Road",
        "{} Church Street",
        "{} Highland Drive",
        "{} Park View",
    ),
}
_PLACES = {
    "US": (("Springfield", "IL", "62704"), ("Salem", "OR", "97301"), ("Dover", "DE", "19901")),
    "CA": (("Kingston", "ON", "K7L 1A1"), ("Nanaimo", "BC", "V9R 1A1")),
    "MX": (("Morelia", "Michoacán", "58000"), ("Puebla", "Puebla", "72000")),
    "GB": (("Bath", "", "BA1 1AA"), ("Ripon", "", "HG4 1AA"), ("Ely", "", "CB7 4AA")),
    "DE": (("Fulda", "", "36037"), ("Celle", "", "29221")),
    "FR": (("Dole", "", "39100"), ("Vannes", "", "56000")),
    "JP": (("松本市", "長野県", "390-0001"), ("倉敷市", "岡山県", "710-0001")),
}
#: Numbers that the countries' regulators keep for fiction, ``{}`` for two digits; where none is
#: kept, a buyer states no phone.
_PHONES = {
    "US": "+1 503-555-01{}",
    "CA": "+1 613-555-01{}",
    "GB": "01632 9600{}",
    "DE": "030 231250{}",
    "FR": "01 99 00 12 {}",
}
#: Few buyers write a message with a gift.
_MESSAGES = (
    "Happy birthday! Enjoy.",
    "For your new home. With love from all of us.",
    "Get well soon!",
)
_GIFTS_IN = 5


# one of the options
def _draw(seed: int, order: Order, what: str, options: tuple[Any, ...]) -> Any:  # noqa: ANN401
    return options[number(seed, order.id, what, below=len(options))]


def address(seed: int, order: Order) -> dict[str, Any]:
    """Return the delivery address of an order.

    Parts that this buyer's address does not have are absent.
    """
    country = order.destination
    words = country if country in _FIRST else ""
    first, family = (
        _draw(seed, order, "first", _FIRST[words]),
        _draw(seed, order, "family", _FAMILY[words]),
    )
    city, state, postal_code = _draw(seed, order, "place", _PLACES.get(country, _PLACES["US"]))
    street: str = _draw(seed, order, "street", _STREETS[words])
    found: dict[str, Any] = {
        "name": f"{family} {first}" if country == "JP" else f"{first} {family}",
        "addressLine1": street.format(1 + number(seed, order.id, "house", below=140)),
        "city": city,
        "postalCode": postal_code,
        "countryCode": country,
        "addressType": "RESIDENTIAL",
    }
    if country in _PHONES:
        found["phone"] = _PHONES[country].format(
            f"{number(seed, order.id, 'phone', below=100):02d}"
        )
    return found | ({"stateOrRegion": state} if state else {})


def gift_message(seed: int, order: Order) -> str | None:
    """Return what the buyer writes with a gift; None for most orders."""
    return (
        _draw(seed, order, "message", _MESSAGES)
        if number(seed, order.id, "gift", below=_GIFTS_IN) == 0
        else None
    )
