"""A few bundled minerals by the models that come with the project, beside DFT: a table on the terminal.

In: models/*.pt of the project.  Out: predictions with their intervals, the DFT values, and which of these the models
were trained on.
"""

import argparse

from crystalmatrix.cli.text import table_text
from crystalmatrix.contracts.descriptors import beyond
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.errors import run
from crystalmatrix.inference import Predictor
from crystalmatrix.inference.model import FORMULA, ID, columns_of
from crystalmatrix.properties import PROPERTIES

CHOSEN = ("JVASP-8082", "JVASP-20800", "JVASP-7871")  # SrTiO3, CaF2, NiO: each held out for some properties
HEADER = ("crystal", "formula", "property", "predicted", "90 % interval", "DFT", "unit", "this DFT value was")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    entries = {entry["jid"]: entry for entry in mineral_entries() if entry["jid"] in CHOSEN}
    predictor = Predictor(device="cpu")
    chosen = [entries[jid] for jid in CHOSEN]
    table = predictor.predict([{"jid": entry["jid"], "atoms": entry["atoms"]} for entry in chosen])
    rows = []
    for entry, (_, found) in zip(chosen, table.iterrows(), strict=True):
        seen = predictor.was_trained_on(entry["jid"], [SYMBOLS.index(symbol) for symbol in entry["atoms"]["elements"]])
        for name in predictor.properties:
            value, low, high = (f"{found[column]:.3g}" for column in columns_of(name))
            label = entry.get(PROPERTIES[name].field, "na")
            if label == "na":
                continue
            unit = predictor.units[name].removesuffix("1")
            told = "trained on" if seen.get(name) else "not seen"
            rows.append((found[ID], found[FORMULA], name, value, f"{low} to {high}", f"{label:.3g}", unit, told))
    print(table_text(HEADER, rows, right=(3, 5)))
    potentials = sorted({name for model in predictor.models for name in model.view.descriptors})
    if potentials:
        print(f"The models know more than JARVIS: {beyond(potentials)}.")


if __name__ == "__main__":
    run(main)
