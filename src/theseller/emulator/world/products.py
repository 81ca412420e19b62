"""Catalogs of the sellers, drawn from the seed.

Demand is long-tailed and titles look real. Every name is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate

from theseller.emulator.world.random_draws import share, stream
from theseller.emulator.world.sellers import Seller, Store
from theseller.lib.money import minor_unit_digits

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#: category: (referral fee, share of units refunded, what is sold in English, German, French,
#: Japanese, Spanish)
_RANGE: dict[str, tuple[float, float, tuple[tuple[str, str, str, str, str], ...]]] = {
    "Home & Kitchen": (
        0.15,
        0.05,
        (
            (
                "Cast Iron Skillet",
                "Gusseisenpfanne",
                "Poêle en fonte",
                "鋳鉄スキレット",
                "Sartén de hierro fundido",
            ),
            (
                "Linen Tea Towels",
                "Geschirrtücher aus Leinen",
                "Torchons en lin",
                "リネンのふきん",
                "Paños de cocina de lino",
            ),
            (
                "Glass Storage Jars",
                "Vorratsgläser",
                "Bocaux en verre",
                "ガラス保存瓶",
                "Tarros de vidrio",
            ),
            (
                "Beech Cutting Board",
                "Schneidebrett aus Buche",
                "Planche à découper en hêtre",
                "ブナのまな板",
                "Tabla de cortar de haya",
            ),
            (
                "Pour-Over Coffee Dripper",
                "Kaffeefilter-Aufsatz",
                "Cône à café",
                "コーヒードリッパー",
                "Cafetera de goteo",
            ),
        ),
    ),
    "Sports & Outdoors": (
        0.15,
        0.07,
        (
            (
                "Trekking Poles",
                "Trekkingstöcke",
                "Bâtons de randonnée",
                "トレッキングポール",
                "Bastones de senderismo",
            ),
            (
                "Dry Bag 20 L",
                "Wasserdichter Packsack 20 L",
                "Sac étanche 20 L",
                "防水バッグ 20L",
                "Bolsa estanca 20 L",
            ),
            (
                "Camping Lantern",
                "Campinglaterne",
                "Lanterne de camping",
                "キャンプランタン",
                "Linterna de camping",
            ),
            (
                "Microfiber Towel",
                "Mikrofaser-Handtuch",
                "Serviette microfibre",
                "速乾タオル",
                "Toalla de microfibra",
            ),
        ),
    ),
    "Clothing": (
        0.17,
        0.19,
        (
            (
                "Merino Socks, 3 Pairs",
                "Merinosocken, 3 Paar",
                "Chaussettes mérinos, 3 paires",
                "メリノ靴下 3足",
                "Calcetines de merino, 3 pares",
            ),
            (
                "Waxed Cap",
                "Gewachste Mütze",
                "Casquette cirée",
                "ワックスキャップ",
                "Gorra encerada",
            ),
        ),
    ),
    "Office Products": (
        0.15,
        0.04,
        (
            (
                "Dotted Notebook A5",
                "Notizbuch A5 gepunktet",
                "Carnet A5 pointillé",
                "ドット方眼ノート A5",
                "Cuaderno A5 punteado",
            ),
            ("Brass Ruler", "Lineal aus Messing", "Règle en laiton", "真鍮定規", "Regla de latón"),
            (
                "Fountain Pen, Fine Nib",
                "Füllfederhalter, feine Feder",
                "Stylo plume, plume fine",
                "万年筆 細字",
                "Pluma estilográfica",
            ),
        ),
    ),
    "Electronics Accessories": (
        0.15,
        0.11,
        (
            (
                "Braided USB-C Cable 2 m",
                "USB-C-Kabel geflochten 2 m",
                "Câble USB-C tressé 2 m",
                "USB-Cケーブル 2m",
                "Cable USB-C trenzado 2 m",
            ),
            (
                "Aluminum Laptop Stand",
                "Laptopständer aus Aluminium",
                "Support pour ordinateur en aluminium",
                "ノートPCスタンド",
                "Soporte de aluminio",
            ),
        ),
    ),
}
_COLOURS = (
    ("Slate", "Schiefergrau", "Ardoise", "スレート", "Pizarra"),
    ("Moss Green", "Moosgrün", "Vert mousse", "モスグリーン", "Verde musgo"),
    ("Natural", "Natur", "Naturel", "ナチュラル", "Natural"),
    ("Midnight Blue", "Mitternachtsblau", "Bleu nuit", "ミッドナイト", "Azul noche"),
    ("Terracotta", "Terrakotta", "Terre cuite", "テラコッタ", "Terracota"),
)
_LANGUAGE = {"DE": 1, "FR": 2, "JP": 3, "MX": 4}

#: Fulfilment fee per unit in US cents by size tier (public rate cards of 2026, rounded) and cubic
#: feet for storage.
TIERS = ((322, 0.05), (386, 0.12), (460, 0.30), (588, 0.75), (755, 1.60))


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    `list_price`: US cents. `tier`: index into TIERS. `popularity`: share of the catalog's demand,
    not normalized.
    """

    sku: str
    asin: str
    parent_asin: str
    fnsku: str
    titles: tuple[str, ...]
    category: str
    referral_rate: float
    refund_rate: float
    list_price: int
    tier: int
    by_amazon: bool
    introduced: date
    popularity: float

    def title(self, store: Store) -> str:
        """Return the title in the store's language."""
        return self.titles[_LANGUAGE.get(store.marketplace.code, 0)]


def _titles(brand: str, noun: tuple[str, ...], colour: tuple[str, ...]) -> tuple[str, ...]:
    """Return the title in each language.

    Shift_JIS has no dash of this kind, so the Japanese title has another mark.
    """
    dash = " \u2013 "
    return tuple(
        f"{brand} {name}{'・' if language == 3 else dash}{colour[language]}"
        for language, name in enumerate(noun)
    )


def _code(seed: int, *parts: object, prefix: str, length: int) -> str:
    random = stream(seed, "code", *parts)
    return prefix + "".join(random.choice(_ALPHABET) for _ in range(length - len(prefix)))


@lru_cache(maxsize=64)
def catalogue(seed: int, seller: Seller) -> tuple[Product, ...]:
    """Return every product that the seller ever listed, most popular first.

    Demand falls as 1/rank (Zipf).
    """
    random = stream(seed, seller.brand, "catalogue")
    categories = list(_RANGE)
    products = []
    for rank in range(1, seller.products + 1):
        category = random.choice(categories)
        referral_rate, refund_rate, nouns = _RANGE[category]
        noun, colour = random.choice(nouns), random.choice(_COLOURS)
        dollars = min(max(random.lognormvariate(3.17, 0.55), 6.0), 160.0)
        late = random.random() < 0.3
        introduced = (
            seller.opened + timedelta(days=random.randrange(60, 900)) if late else seller.opened
        )
        products.append(
            Product(
                sku=(
                    f"{seller.brand[:3].upper()}-{noun[0].split()[0][:4].upper()}-"
                    f"{random.randrange(100, 999)}-{rank:03d}"
                ),
                asin=_code(seed, seller.brand, "asin", rank, prefix="B0", length=10),
                parent_asin=_code(seed, seller.brand, "parent", noun[0], prefix="B0", length=10),
                fnsku=_code(seed, seller.brand, "fnsku", rank, prefix="X00", length=10),
                titles=_titles(seller.brand, noun, colour),
                category=category,
                referral_rate=referral_rate,
                refund_rate=refund_rate * random.uniform(0.6, 1.5),
                list_price=int(dollars) * 100 + 99,
                tier=min(int(random.expovariate(0.7)), len(TIERS) - 1),
                by_amazon=random.random() < 0.72,
                introduced=introduced,
                popularity=0.0 if random.random() < 0.08 and rank > 10 else 1.0 / rank,
            )
        )
    return tuple(products)


@lru_cache(maxsize=4096)
def shelf(
    seed: int, seller: Seller, store: Store, month: date
) -> tuple[tuple[Product, ...], tuple[float, ...]]:
    """Return the products on sale in a month, and the running sum of demand.

    `month`: the first day of the month.
    """
    products = [
        product
        for product in catalogue(seed, seller)
        if product.introduced <= month + timedelta(days=14)
        and product.popularity
        and share(seed, seller.brand, store.marketplace.code, product.sku, "listed")
        < store.assortment
    ]
    products = products or list(catalogue(seed, seller)[:1])
    weights = [
        product.popularity
        * min(
            1.0,
            0.15 + (month - product.introduced).days / 60 if month > product.introduced else 0.15,
        )
        for product in products
    ]
    return tuple(products), tuple(accumulate(weights))


@lru_cache(maxsize=65536)
def price(seed: int, product: Product, store: Store, month: date) -> int:
    """Return the price of one unit in the store's minor unit.

    Sellers change prices by the month, and prefer prices that end in 99.
    """
    step = (0.92, 1.0, 1.0, 1.0, 1.06)[int(share(seed, product.sku, month, "step") * 5)]
    local = product.list_price * store.price_factor * step
    if not minor_unit_digits(store.marketplace.currency):
        return max(int(local / 100) * 100 - 20, 480)
    return max(int(local / 100) * 100 + 99, 299)
