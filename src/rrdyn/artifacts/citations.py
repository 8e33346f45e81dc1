"""The works this toolkit stands on, and what each is used for here."""

from __future__ import annotations

CITATIONS: dict[str, dict[str, str]] = {
    "wang2025hrm": {
        "type": "misc",
        "author": "Wang, Guan and others",
        "title": "Hierarchical Reasoning Model",
        "year": "2025",
        "eprint": "2506.21734",
        "archiveprefix": "arXiv",
        "note": "the HRM architecture and recipe",
    },
    "jolicoeur2025trm": {
        "type": "misc",
        "author": "Jolicoeur-Martineau, Alexia",
        "title": "Less is More: Recursive Reasoning with Tiny Networks",
        "year": "2025",
        "eprint": "2510.04871",
        "archiveprefix": "arXiv",
        "note": "the TRM architecture and recipe",
    },
    "benettin1980": {
        "type": "article",
        "author": "Benettin, G. and Galgani, L. and Giorgilli, A. and Strelcyn, J.-M.",
        "title": "Lyapunov characteristic exponents for smooth dynamical systems; a method for computing all of them",
        "journal": "Meccanica",
        "volume": "15",
        "year": "1980",
        "note": "the QR method of the Lyapunov spectrum",
    },
    "ginelli2007": {
        "type": "article",
        "author": "Ginelli, F. and others",
        "title": "Characterizing dynamics with covariant Lyapunov vectors",
        "journal": "Physical Review Letters",
        "volume": "99",
        "pages": "130601",
        "year": "2007",
        "note": "covariant vectors",
    },
    "otsu1979": {
        "type": "article",
        "author": "Otsu, N.",
        "title": "A threshold selection method from gray-level histograms",
        "journal": "IEEE Transactions on Systems, Man, and Cybernetics",
        "volume": "9",
        "pages": "62--66",
        "year": "1979",
        "note": "the threshold between settled and unsettled",
    },
    "delong1988": {
        "type": "article",
        "author": "DeLong, E. R. and DeLong, D. M. and Clarke-Pearson, D. L.",
        "title": "Comparing the areas under two or more correlated receiver operating characteristic curves",
        "journal": "Biometrics",
        "volume": "44",
        "pages": "837--845",
        "year": "1988",
        "note": "intervals of AUCs and their differences",
    },
    "efron1987": {
        "type": "article",
        "author": "Efron, B.",
        "title": "Better bootstrap confidence intervals",
        "journal": "Journal of the American Statistical Association",
        "volume": "82",
        "pages": "171--185",
        "year": "1987",
        "note": "BCa intervals",
    },
    "kaplan1958": {
        "type": "article",
        "author": "Kaplan, E. L. and Meier, P.",
        "title": "Nonparametric estimation from incomplete observations",
        "journal": "Journal of the American Statistical Association",
        "volume": "53",
        "pages": "457--481",
        "year": "1958",
        "note": "survival of failures over segments",
    },
    "newcombe2006": {
        "type": "article",
        "author": "Newcombe, R. G.",
        "title": "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2",
        "journal": "Statistics in Medicine",
        "volume": "25",
        "pages": "559--573",
        "year": "2006",
        "note": "intervals of AUCs at 0 or 1",
    },
    "holm1979": {
        "type": "article",
        "author": "Holm, S.",
        "title": "A simple sequentially rejective multiple test procedure",
        "journal": "Scandinavian Journal of Statistics",
        "volume": "6",
        "pages": "65--70",
        "year": "1979",
        "note": "families of tests",
    },
    "mantel1966": {
        "type": "article",
        "author": "Mantel, N.",
        "title": "Evaluation of survival data and two new rank order statistics arising in its consideration",
        "journal": "Cancer Chemotherapy Reports",
        "volume": "50",
        "pages": "163--170",
        "year": "1966",
        "note": "the log-rank test",
    },
    "geifman2017": {
        "type": "inproceedings",
        "author": "Geifman, Y. and El-Yaniv, R.",
        "title": "Selective classification for deep neural networks",
        "booktitle": "Advances in Neural Information Processing Systems",
        "year": "2017",
        "note": "risk-coverage curves",
    },
}


def bibtex() -> str:
    """All citations as BibTeX entries."""
    entries = []
    for key, fields in CITATIONS.items():
        rows = [f"  {name} = {{{value}}}," for name, value in fields.items() if name != "type"]
        entries.append("\n".join([f"@{fields['type']}{{{key},", *rows, "}"]))
    return "\n\n".join(entries)
