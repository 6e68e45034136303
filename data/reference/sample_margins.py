"""The published totals that the synthetic census sample is weighted to, and who counts towards each."""

from __future__ import annotations

import numpy as np
import pandas as pd

AGES = [0, 5, 10, 15, 20, 25, 35, 45, 55, 60, 65, 75, 85, 200]
INCOMES = [-np.inf, 10e3, 15e3, 25e3, 35e3, 50e3, 75e3, 100e3, 150e3, 200e3, np.inf]
# First codes of DP03's groups in its order: 13 industries and the military; 5 occupations and the military
INDUSTRY_STARTS = [170, 770, 1070, 4070, 4670, 6070, 6470, 6870, 7270, 7860, 8560, 8770, 9370, 9670]
OCCUPATION_STARTS = [10, 3601, 4700, 6005, 7700, 9800]


def published_targets(published: pd.DataFrame) -> pd.Series:
    """Published United States totals by the names of `indicators`."""
    us = published[published["area"] == "United States"].set_index("variable")["estimate"]
    value = pd.to_numeric(us, errors="coerce")
    dp2, dp3, dp5 = (lambda n, t=t: value[f"{t}_{n:04d}"] for t in ("DP02", "DP03", "DP05"))
    targets = {"total": dp5(1), "quarters": dp5(1) - dp2(17)}
    targets |= {f"age{k}": dp5(5 + k) for k in range(13)}
    targets |= {"male": dp5(2), "adult": dp5(21), "male18": dp5(26), "male65": dp5(30)}
    targets |= {"hispanic": dp5(71), "mexican": dp5(72), "puertorican": dp5(73), "cuban": dp5(74)}
    targets |= {f"nh{k}": dp5(77 + k) for k in range(7)}
    targets |= {"white": dp5(37), "black": dp5(38), "other": dp5(57), "two": dp5(58)}
    targets |= {f"school{k}": dp2(59 + k) for k in range(7)}
    targets |= {f"male_mar{k}": dp2(25 + k) for k in range(5)} | {f"female_mar{k}": dp2(31 + k) for k in range(5)}
    targets |= {"stayed": dp2(89), "born_us": dp2(88), "naturalized": dp2(94), "not_citizen": dp2(95)}
    targets |= {"europe": dp2(104), "asia": dp2(105), "africa": dp2(106), "latin": dp2(108)}
    targets |= {"english": dp2(111), "spanish": dp2(114), "indoeuropean": dp2(116), "asian": dp2(118), "less": dp2(113)}
    targets |= {"employed": dp3(4), "unemployed": dp3(5), "army": dp3(6)}
    targets |= {f"occupation{k}": dp3(27 + k) for k in range(5)} | {f"industry{k}": dp3(33 + k) for k in range(13)}
    targets |= {"government": dp3(48), "self": dp3(49)}
    targets |= {"veteran": dp2(69), "birth": dp2(36)}
    targets |= {"dis_young": dp2(73), "dis_adult": dp2(75), "dis_old": dp2(77)}
    targets |= {"uninsured": dp3(99), "uninsured_young": dp3(101)}
    targets |= {"homes": dp2(1), "couples": dp2(4), "men": dp2(6), "women": dp2(8), "alone": dp2(11)}
    targets |= {"own": dp2(3), "partner": dp2(23), "relatives": dp2(21)}
    targets |= {f"income{k}": dp3(52 + k) for k in range(10)}
    return pd.Series(targets).astype(float)


def indicators(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per person, one 0/1 column per margin; a household counts at its householder's row."""
    age, relp = rows["AGEP"].astype(int), rows["RELP"]
    number = {c: pd.to_numeric(rows[c], errors="coerce") for c in ("SCHL", "POBP", "LANP", "OCCP", "INDP", "PINCP")}
    hispanic, race, male = rows["HISP"] != "01", rows["RAC1P"], rows["SEX"] == "1"
    civilian = rows["ESR"].isin(["1", "2"])
    institution = relp == "16"
    free = ~institution & ~rows["ESR"].isin(["4", "5"])
    columns: dict[str, pd.Series] = {"total": age >= 0, "quarters": relp.isin(["16", "17"])}
    columns |= {f"age{k}": (age >= AGES[k]) & (age < AGES[k + 1]) for k in range(13)}
    columns |= {"male": male, "adult": age >= 18, "male18": male & (age >= 18), "male65": male & (age >= 65)}
    columns |= {"hispanic": hispanic, **{n: rows["HISP"] == c for n, c in (("mexican", "02"), ("puertorican", "03"))}}
    columns |= {"cuban": rows["HISP"] == "04"}
    races = (["1"], ["2"], ["3", "4", "5"], ["6"], ["7"], ["8"], ["9"])
    columns |= {f"nh{k}": ~hispanic & race.isin(codes) for k, codes in enumerate(races)}
    columns |= {"white": race == "1", "black": race == "2", "other": race == "8", "two": race == "9"}
    schools = [0, 12, 16, 18, 20, 21, 22, 25]
    school = number["SCHL"].where(age >= 25)
    columns |= {f"school{k}": school.between(*schools[k : k + 2], inclusive="left") for k in range(7)}
    for sex, is_sex in (("male", male), ("female", ~male)):
        marital = enumerate(["5", "1", "4", "2", "3"])
        columns |= {f"{sex}_mar{k}": is_sex & (age >= 15) & (rows["MAR"] == code) for k, code in marital}
    columns |= {"stayed": rows["POBP"].str[1:] == rows["ST"]}
    columns |= {"born_us": rows["CIT"] == "1", "naturalized": rows["CIT"] == "4", "not_citizen": rows["CIT"] == "5"}
    foreign, pobp = rows["NATIVITY"] == "2", number["POBP"]
    columns |= {"europe": foreign & pobp.between(100, 199), "asia": foreign & pobp.between(200, 299)}
    columns |= {"africa": foreign & pobp.between(400, 499), "latin": foreign & pobp.between(302, 399)}
    lanp, speaks = number["LANP"], rows["LANX"] == "1"
    columns |= {"english": (age >= 5) & ~speaks, "spanish": speaks & (lanp == 1200)}
    columns |= {"indoeuropean": speaks & lanp.between(1053, 1564) & (lanp != 1200)}
    columns |= {"asian": speaks & lanp.between(1675, 3999), "less": rows["ENG"].isin(["2", "3", "4"])}
    columns |= {"employed": civilian, "unemployed": rows["ESR"] == "3", "army": rows["ESR"].isin(["4", "5"])}
    job, field = number["OCCP"], number["INDP"]
    job, field = np.digitize(job, OCCUPATION_STARTS) - 1, np.digitize(field, INDUSTRY_STARTS) - 1
    field = np.where(number["INDP"].between(570, 690), 5, field)  # utilities stand with transportation
    columns |= {f"occupation{k}": civilian & (job == k) for k in range(5)}
    columns |= {f"industry{k}": civilian & (field == k) for k in range(13)}
    columns |= {"government": civilian & rows["COW"].isin(["3", "4", "5"]), "self": civilian & (rows["COW"] == "6")}
    columns |= {"veteran": (rows["MIL"] == "2") & (age >= 18), "birth": rows["FER"] == "1"}
    disabled, uninsured = free & (rows["DIS"] == "1"), free & (rows["HICOV"] == "2")
    columns |= {"dis_young": disabled & (age < 18), "dis_adult": disabled & age.between(18, 64)}
    columns |= {"dis_old": disabled & (age >= 65), "uninsured": uninsured, "uninsured_young": uninsured & (age < 19)}
    columns |= households(rows, number["PINCP"])
    return pd.DataFrame(columns).astype(float)


def households(rows: pd.DataFrame, income: pd.Series) -> dict[str, pd.Series]:
    """Household margins, each counted at the householder's row."""
    relp, home = rows["RELP"], rows["home"].to_numpy()
    head = relp == "00"
    age = rows["AGEP"].astype(int)

    def anyone(condition: pd.Series) -> pd.Series:
        return condition.groupby(home).transform("any")

    spouse = anyone(relp == "01")
    family = anyone(relp.isin(["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]))
    own = anyone(relp.isin(["02", "03", "04"]) & (age < 18) & (rows["MAR"] == "5"))
    single = head & family & ~spouse
    total = income.fillna(0).groupby(home).transform("sum") * 1.013097
    columns = {"homes": head, "couples": head & spouse, "men": single & (rows["SEX"] == "1")}
    columns |= {"women": single & (rows["SEX"] == "2"), "own": head & own, "partner": relp == "13"}
    columns |= {"alone": head & (relp.groupby(home).transform("size") == 1)}
    columns |= {"relatives": relp.isin(["05", "06", "07", "08", "09", "10"])}
    columns |= {f"income{k}": head & (total >= INCOMES[k]) & (total < INCOMES[k + 1]) for k in range(10)}
    return columns
