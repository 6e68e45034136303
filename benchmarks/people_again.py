"""The numbers of people_statistics.csv once more, by a few lines that share no code with the library.

    python benchmarks/people_again.py FOLDER

FOLDER as of data/reference/people_tables.py. Prints each number of the table beside its second computation.
"""

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

folder = Path(sys.argv[1])
table = pd.read_csv(Path(__file__).parents[1] / "data/reference/people_statistics.csv")
table = table[table["source"] == "gss2018_spending"].set_index(["statistic", "group"])["estimate"]
gss = pd.read_csv(folder / "gss2018_spending.csv.gz")
items = [name for name in gss if name.startswith("nat")]
gss = gss.dropna(how="all", subset=items)
gss["party"] = gss["partyid"].map({0: "D", 1: "D", 2: "D", 3: "I", 4: "R", 5: "R", 6: "R"})
gss["ideology"] = pd.cut(gss["polviews"], [0, 3, 4, 7]).astype(str).where(gss["polviews"].notna())
gss["age_group"] = pd.cut(gss["age"], [17, 34, 54, 69, 120]).astype(str).where(gss["age"].notna())
gss["schooling"] = pd.cut(gss["educ"], [-1, 12, 15, 30]).astype(str).where(gss["educ"].notna())
six = ["party", "ideology", "race", "sex", "age_group", "schooling"]

kappas = []
for item in items:
    p = gss[item].value_counts(normalize=True)
    n = gss[item].notna().sum()
    random = ((p * n) * (p * n - 1)).sum() / (n * (n - 1))
    same = all_pairs = 0
    for _, cell in gss.dropna(subset=[*six, item]).groupby(six)[item]:
        for a, b in combinations(cell, 2):
            same, all_pairs = same + (a == b), all_pairs + 1
    kappas.append((same / all_pairs - random) / (1 - random))
print(f"kappa_alike      {table['kappa_alike', 'all attributes']:.4f}   again {np.mean(kappas):.4f}")

apart = []
for item in items:
    shares = gss[gss["party"].isin(["D", "R"])].groupby("party")[item].value_counts(normalize=True).unstack()
    apart.append((shares.loc["D"].cumsum() - shares.loc["R"].cumsum()).abs().sum() / 2)
print(f"wasserstein      {table['wasserstein', 'party|Democrat-Republican']:.4f}   again {np.mean(apart):.4f}")

majority = [gss[item].value_counts(normalize=True).max() for item in items]
print(f"majority_share   {table['majority_share', 'all']:.4f}   again {np.mean(majority):.4f}")

bits, told, right = [], [], []
for item in items:
    there = gss.dropna(subset=[item])
    x = pd.get_dummies(there[six].astype(object).fillna("missing"), dtype=float)
    order = np.random.default_rng(0).permutation(len(there))
    model = LogisticRegression(C=1.0, max_iter=2000)
    y = there[item].to_numpy()[order]
    p = cross_val_predict(model, x.to_numpy()[order], y, cv=10, method="predict_proba")
    classes = np.unique(y)
    margin = np.array([np.mean(y == c) for c in classes])
    bits.append(-np.log2(margin[np.searchsorted(classes, y)]).mean())
    told.append(bits[-1] + np.log2(p[np.arange(len(y)), np.searchsorted(classes, y)]).mean())
    right.append((classes[p.argmax(axis=1)] == y).mean())
known = "demographics, party and ideology"
print(f"bits             {table['bits', 'margins']:.4f}   again {np.mean(bits):.4f}")
print(f"bits_told        {table['bits_told', known]:.4f}   again {np.mean(told):.4f}")
print(f"accuracy         {table['accuracy', known]:.4f}   again {np.mean(right):.4f}")
