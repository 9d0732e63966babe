"""What the demo shop sells."""

from __future__ import annotations

CATEGORIES: dict[str, tuple[tuple[str, ...], tuple[float, float]]] = {  # things, cheapest and dearest
    "Shirts": (("Linen shirt", "Oxford shirt", "Flannel shirt", "Denim shirt"), (39, 110)),
    "Knitwear": (("Merino jumper", "Ribbed scarf", "Wool cardigan", "Cashmere beanie"), (29, 190)),
    "Outerwear": (("Wool overcoat", "Rain jacket", "Field jacket", "Down vest"), (89, 420)),
    "Shoes": (("Walking boots", "Canvas trainers", "Leather loafers", "Sandals"), (49, 260)),
    "Bags": (("Canvas tote", "Leather satchel", "Weekend bag", "Rucksack"), (25, 340)),
    "Home": (("Wool blanket", "Linen sheets", "Stoneware mug", "Candle"), (12, 180)),
    "Accessories": (("Leather belt", "Silk tie", "Sunglasses", "Wallet"), (19, 140)),
    "Care": (("Shoe polish", "Wool wash", "Leather balm", "Cedar blocks"), (6, 29)),
}
COLOURS = ("navy", "sand", "olive", "black")


def products() -> list[tuple[str, str, str, float]]:
    """(sku, name, category, price) of every product, always the same."""
    made = []
    for category, (things, (low, high)) in CATEGORIES.items():
        for thing_number, thing in enumerate(things):
            for colour_number, colour in enumerate(COLOURS):
                share = (thing_number * len(COLOURS) + colour_number) / (len(things) * len(COLOURS) - 1)
                sku = f"{category[:3].upper()}-{thing_number + 1}{colour_number + 1}"
                made.append((sku, f"{thing}, {colour}", category, round(low + (high - low) * share**1.4, 0) - 0.05))
    return made
