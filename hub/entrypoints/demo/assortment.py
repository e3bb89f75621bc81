"""What the demo retailer sells, and where. Invented names; real cities with their coordinates."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """A group of products that share a size run. Prices are whole euros; weights are of the middle size."""

    category: str
    noun: str
    adjectives: tuple[str, ...]
    option: str
    sizes: tuple[str, ...]
    colours: tuple[str, ...]
    euros: tuple[int, int]
    grams: int
    text: str


_CLOTHES = ("XS", "S", "M", "L", "XL")
_SHOES = ("37", "38", "39", "40", "41", "42", "43", "44")
_BASIC = ("Black", "White", "Navy")
_EARTH = ("Olive", "Sand", "Rust")
_CALM = ("Off-white", "Sage", "Slate")

FAMILIES = (
    Family(
        "Clothing > Shirts", "Shirt", ("Linen", "Oxford", "Flannel", "Poplin", "Twill"), "Size", _CLOTHES, _BASIC,
        (39, 79), 240, "A shirt with a soft collar, cut straight, for work and for the weekend.",
    ),
    Family(
        "Clothing > T-shirts", "T-shirt", ("Heavy", "Slub", "Striped", "Pocket"), "Size", _CLOTHES,
        (*_BASIC, "Rust"), (15, 35), 180, "Organic cotton jersey that keeps its shape in the wash.",
    ),
    Family(
        "Clothing > Knitwear", "Jumper", ("Merino", "Lambswool", "Cable"), "Size", _CLOTHES, _EARTH,
        (69, 139), 420, "Knitted in one piece, warm without weight.",
    ),
    Family(
        "Clothing > Trousers", "Trousers", ("Chino", "Corduroy", "Pleated"), "Size", _CLOTHES,
        ("Navy", "Sand", "Olive"), (59, 119), 520, "Tapered leg, deep pockets, a little stretch.",
    ),
    Family(
        "Clothing > Jackets", "Jacket", ("Rain", "Field", "Quilted", "Denim"), "Size", _CLOTHES, ("Navy", "Olive"),
        (119, 249), 850, "Keeps out wind and rain; the hood folds away.",
    ),
    Family(
        "Clothing > Dresses", "Dress", ("Wrap", "Summer", "Shirt"), "Size", _CLOTHES, ("Navy", "Rust"),
        (59, 129), 310, "Falls to below the knee and has pockets.",
    ),
    Family(
        "Shoes > Sneakers", "Sneaker", ("Court", "Trail", "Canvas"), "Size", _SHOES, ("White", "Black"),
        (69, 149), 780, "Rubber sole, removable insole, laces included twice.",
    ),
    Family(
        "Shoes > Boots", "Boot", ("Chelsea", "Winter", "Walking"), "Size", _SHOES, ("Black", "Brown"),
        (119, 229), 1350, "Welted leather that can be resoled.",
    ),
    Family(
        "Shoes > Sandals", "Sandal", ("Cork", "Strap"), "Size", _SHOES, ("Brown",),
        (49, 99), 540, "Soft footbed, adjustable straps.",
    ),
    Family(
        "Home > Bedding", "Duvet Cover", ("Percale", "Washed Linen"), "Size", ("135x200", "155x220", "200x200"),
        _CALM, (49, 159), 1100, "Buttoned at the foot, ironed by nobody.",
    ),
    Family(
        "Home > Towels", "Towel", ("Waffle", "Terry"), "Size", ("Hand", "Bath", "Sauna"), _CALM,
        (12, 49), 450, "Dries quickly and gets softer.",
    ),
    Family(
        "Home > Lighting", "Lamp", ("Desk", "Floor", "Pendant"), "Finish", ("Brass", "Steel"), ("Black", "White"),
        (59, 289), 2600, "Dimmable, with a bulb that can be changed.",
    ),
    Family(
        "Home > Kitchen", "Bowl", ("Stoneware", "Serving", "Breakfast"), "Set", ("1 piece", "4 pieces"), _CALM,
        (9, 69), 480, "Glazed by hand, safe in the dishwasher.",
    ),
)  # fmt: skip

VENDORS = ("Nordlicht", "Bergweg", "Atelier Sauer", "Hausgut", "Maison Rive", "Filo & Co")

COLUMNS = (
    "code", "name", "kind", "latitude", "longitude", "time_zone", "opening_hours", "capabilities",
    "daily_capacity", "country", "postal_code", "city",
)  # fmt: skip
_STORE_HOURS = "mon-sat 10:00-20:00"
_SUNDAY_TOO = "mon-sat 10:00-20:00; sun 12:00-18:00"
_ALL = "SHIP PICKUP RETURNS"
_COURIER = "SHIP PICKUP LOCAL_DELIVERY RETURNS"

LOCATIONS = (
    ("berlin-mitte", "Berlin Mitte", "STORE", 52.5200, 13.4050, "Europe/Berlin", _STORE_HOURS, _COURIER, 60, "DE",
     "10178", "Berlin"),
    ("hamburg-altstadt", "Hamburg Altstadt", "STORE", 53.5511, 9.9937, "Europe/Berlin", _STORE_HOURS, _ALL, 40,
     "DE", "20095", "Hamburg"),
    ("muenchen-altstadt", "München Altstadt", "STORE", 48.1374, 11.5755, "Europe/Berlin", _STORE_HOURS, _ALL, 50,
     "DE", "80331", "München"),
    ("koeln-dom", "Köln am Dom", "STORE", 50.9413, 6.9583, "Europe/Berlin", _STORE_HOURS, _ALL, 40, "DE", "50667",
     "Köln"),
    ("paris-marais", "Paris Marais", "STORE", 48.8566, 2.3522, "Europe/Paris", _SUNDAY_TOO, _COURIER, 60, "FR",
     "75004", "Paris"),
    ("lyon-presquile", "Lyon Presqu’île", "STORE", 45.7640, 4.8357, "Europe/Paris",
     "mon-fri 10:00-13:00,14:00-19:00; sat 10:00-19:00", _ALL, 30, "FR", "69002", "Lyon"),
    ("amsterdam-centrum", "Amsterdam Centrum", "STORE", 52.3676, 4.9041, "Europe/Amsterdam", _SUNDAY_TOO, _ALL, 45,
     "NL", "1012", "Amsterdam"),
    ("wien-innere-stadt", "Wien Innere Stadt", "STORE", 48.2082, 16.3738, "Europe/Vienna", _STORE_HOURS, _ALL, 40,
     "AT", "1010", "Wien"),
    ("zuerich-city", "Zürich City", "STORE", 47.3769, 8.5417, "Europe/Zurich", _STORE_HOURS, "PICKUP RETURNS", 25,
     "CH", "8001", "Zürich"),
    ("milano-brera", "Milano Brera", "STORE", 45.4642, 9.1900, "Europe/Rome", _SUNDAY_TOO, _ALL, 35, "IT", "20121",
     "Milano"),
    ("leipzig-warehouse", "Leipzig Warehouse", "WAREHOUSE", 51.3397, 12.3731, "Europe/Berlin", "",
     "SHIP RETURNS", 2000, "DE", "04356", "Leipzig"),
    ("warszawa-warehouse", "Warszawa Warehouse", "WAREHOUSE", 52.2297, 21.0122, "Europe/Warsaw", "",
     "SHIP RETURNS", 1200, "PL", "02-001", "Warszawa"),
)  # fmt: skip
