"""The tagged facts that matter most, chosen from all that a document holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from reports_core.domain.analysis import Metric
from reports_worker.processors.ixbrl import Fact

_MAX_METRICS = 40
_ROUNDING = 0.5000001  # of the last exact digit; a little more, as the values are binary
_LEAST_OFF = 1e-12
_CONCEPTS = """
us-gaap:Revenues us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax us-gaap:SalesRevenueNet ifrs-full:Revenue
us-gaap:RevenueFromContractWithCustomerIncludingAssessedTax us-gaap:RevenuesNetOfInterestExpense
us-gaap:InterestIncomeExpenseNet us-gaap:NoninterestIncome us-gaap:CostOfRevenue us-gaap:CostOfGoodsAndServicesSold
us-gaap:GrossProfit ifrs-full:GrossProfit us-gaap:ResearchAndDevelopmentExpense
us-gaap:SellingGeneralAndAdministrativeExpense us-gaap:CostsAndExpenses us-gaap:OperatingExpenses
us-gaap:NoninterestExpense us-gaap:ProvisionForLoanLeaseAndOtherLosses us-gaap:OperatingIncomeLoss
ifrs-full:ProfitLossFromOperatingActivities us-gaap:GoodwillImpairmentLoss us-gaap:AssetImpairmentCharges
us-gaap:RestructuringCharges us-gaap:InterestExpense
us-gaap:IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest
us-gaap:IncomeTaxExpenseBenefit us-gaap:NetIncomeLoss us-gaap:ProfitLoss ifrs-full:ProfitLoss
us-gaap:EarningsPerShareBasic us-gaap:EarningsPerShareDiluted ifrs-full:BasicEarningsLossPerShare
us-gaap:NetCashProvidedByUsedInOperatingActivities us-gaap:NetCashProvidedByUsedInInvestingActivities
us-gaap:NetCashProvidedByUsedInFinancingActivities us-gaap:PaymentsToAcquirePropertyPlantAndEquipment
us-gaap:PaymentsForRepurchaseOfCommonStock us-gaap:PaymentsOfDividends us-gaap:CommonStockDividendsPerShareDeclared
us-gaap:CashAndCashEquivalentsAtCarryingValue us-gaap:CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents
us-gaap:AccountsReceivableNetCurrent us-gaap:InventoryNet us-gaap:AssetsCurrent us-gaap:Goodwill us-gaap:Assets
ifrs-full:Assets us-gaap:Deposits us-gaap:LiabilitiesCurrent us-gaap:LongTermDebtNoncurrent us-gaap:LongTermDebt
us-gaap:Liabilities us-gaap:RetainedEarningsAccumulatedDeficit us-gaap:StockholdersEquity ifrs-full:Equity
us-gaap:StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest
us-gaap:RevenueRemainingPerformanceObligation us-gaap:WeightedAverageNumberOfDilutedSharesOutstanding
dei:EntityCommonStockSharesOutstanding dei:EntityPublicFloat
""".split()
_RANKS = {concept: rank for rank, concept in enumerate(_CONCEPTS)}


def choose(facts: Iterable[Fact]) -> tuple[Metric, ...]:
    """Return the facts of the main concepts for the whole company, those of the newest period first."""
    relevant = [fact for fact in facts if fact.concept in _RANKS and not fact.dimensions]
    newest = _newest_end(relevant)
    unique = _most_precise(relevant)
    unique.sort(key=lambda fact: (_is_past(fact, newest), _RANKS[fact.concept], _descending(fact.end), fact.start))
    return tuple(Metric(fact.concept, fact.value, fact.unit, fact.start, fact.end) for fact in unique[:_MAX_METRICS])


def of_reporting_entity(facts: Sequence[Fact]) -> list[Fact]:
    """Return the facts of whom the first is of: a file may hold the reports of several companies."""
    return [fact for fact in facts if fact.entity == facts[0].entity]


def contradictions(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the main concepts of which the document says two things that no rounding explains."""
    relevant = [fact for fact in facts if fact.concept in _RANKS and not fact.dimensions]
    kept = {_said_of(fact): fact for fact in _most_precise(relevant)}
    return tuple(dict.fromkeys(fact.concept for fact in relevant if not _agree(fact, kept[_said_of(fact)])))


def _agree(rounded: Fact, exact: Fact) -> bool:
    """Tell whether the one may be the other, rounded; a fact that does not say how exact it is must be equal."""
    off = abs(rounded.value - exact.value)
    return off <= _LEAST_OFF * abs(exact.value) or (
        math.isfinite(rounded.decimals) and off <= _ROUNDING * 10.0**-rounded.decimals
    )


def _said_of(fact: Fact) -> tuple[str, str, str, str]:
    return fact.concept, fact.unit, fact.start, fact.end


def _newest_end(facts: Sequence[Fact]) -> str:
    """Return the last day of the reported period; facts of the cover page may be of later days."""
    return max((fact.end for fact in facts if fact.start and not fact.concept.startswith("dei:")), default="")


def _is_past(fact: Fact, newest: str) -> bool:
    return fact.end < newest


def _descending(day: str) -> tuple[int, ...]:
    return tuple(-int(digit) for digit in day if digit.isdigit())


def _most_precise(facts: Iterable[Fact]) -> list[Fact]:
    """Keep one of the facts that state the same, as a sentence may round what a table says exactly."""
    best: dict[tuple[str, str, str, str], Fact] = {}
    for fact in facts:
        known = best.setdefault(_said_of(fact), fact)
        if fact.decimals > known.decimals:
            best[_said_of(fact)] = fact
    return list(best.values())
