"""The identifier of a company that is known by its name."""

from __future__ import annotations

from uuid import UUID, uuid5

# `uuid5(NAMESPACE_DNS, "company.reports.fna")`. Changing it would separate new reports from all that were uploaded
# before.
COMPANY_NAMESPACE = UUID("cf56eeea-c8bd-569c-a027-56965e06ff3e")


def company_id(company: str) -> UUID:
    """Return the UUID that stands for a company: `company` itself when it is one, else one made from the name.

    The same name gives the same UUID everywhere: `uuid5(COMPANY_NAMESPACE, name)`, where upper and lower case and the
    number of blanks between words make no difference.
    """
    try:
        return UUID(company)
    except ValueError:
        return uuid5(COMPANY_NAMESPACE, " ".join(company.split()).casefold())
