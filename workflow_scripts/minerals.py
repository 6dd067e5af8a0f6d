"""A few bundled minerals by the models that come with the project, beside DFT: a table on the terminal.

In: models/*.pt of the project.  Out: predictions with their intervals, the DFT values, and what the models have seen of
these.
"""

import argparse
from typing import Any

from crystalmatrix.cli.text import table_text
from crystalmatrix.contracts.columns import VAL
from crystalmatrix.contracts.descriptors import beyond
from crystalmatrix.data.minerals import mineral_entries
from crystalmatrix.data.official import official_folds
from crystalmatrix.data.selection import PART, selected_ids
from crystalmatrix.elements import SYMBOLS
from crystalmatrix.errors import run
from crystalmatrix.inference import Predictor
from crystalmatrix.inference.model import FORMULA, ID, columns_of
from crystalmatrix.properties import PROPERTIES

# SrTiO3, CaF2, MnCO3. None of them is among the training crystals under another id: no other entry there has its
# composition and space group. NiO, for one, is there three times.
CHOSEN = ("JVASP-8082", "JVASP-20800", "JVASP-11674")
HEADER = ("crystal", "formula", "property", "predicted", "90 % interval", "DFT", "unit", "the models have")
LEARNED, VALIDATED, UNSEEN = "learned from it", "validated with it", "not seen it"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    entries = {entry["jid"]: entry for entry in mineral_entries() if entry["jid"] in CHOSEN}
    predictor = Predictor(device="cpu")
    chosen = [entries[jid] for jid in CHOSEN]
    table = predictor.predict([{"jid": entry["jid"], "atoms": entry["atoms"]} for entry in chosen])
    rows = []
    for entry, (_, found) in zip(chosen, table.iterrows(), strict=True):
        seen = what_was_seen(predictor, entry)
        for name in predictor.properties:
            value, low, high = (f"{found[column]:.3g}" for column in columns_of(name))
            label = entry.get(PROPERTIES[name].field, "na")
            if label == "na":
                continue
            unit = predictor.units[name].removesuffix("1")
            interval = f"{low} to {high}"
            rows.append((found[ID], found[FORMULA], name, value, interval, f"{label:.3g}", unit, seen[name]))
    print(table_text(HEADER, rows, right=(3, 5)))
    print(f"{VALIDATED}: it chose the best epoch, the weights of members and the width of intervals, so it is no test.")
    potentials = sorted({name for model in predictor.models for name in model.view.descriptors})
    if potentials:
        print(f"The models know more than JARVIS: {beyond(potentials)}.")


def what_was_seen(predictor: Predictor, entry: dict[str, Any]) -> dict[str, str]:
    """{property: what its shipped model has seen of the DFT value of this entry of JARVIS}.

    A checkpoint knows what it learned from. Its validation crystals are those of the official folds in the part.
    """
    jid = entry["jid"]
    trained = predictor.was_trained_on(jid, [SYMBOLS.index(symbol) for symbol in entry["atoms"]["elements"]])
    in_part = jid in selected_ids(PART)
    validated = {name: in_part and official_folds(name).get(jid) == VAL for name in trained}
    return {name: LEARNED if trained[name] else VALIDATED if validated[name] else UNSEEN for name in trained}


if __name__ == "__main__":
    run(main)
