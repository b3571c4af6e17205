"""Reads a FOCUS file as docs/reference/cost-imports.md says: records, and a fault for each row that is none."""

import datetime
import json
import re
from dataclasses import dataclass, field
from fractions import Fraction

FIELD_MAX = 256 * 1024
ROW_MAX = 1024 * 1024
COLUMNS_MAX = 1024
AMOUNT_MAX = 2**127 - 1  # of units of 10^-18: about 1.7 * 10^20

MANDATORY = (
    "BilledCost EffectiveCost ListCost ContractedCost BillingAccountId BillingAccountName BillingCurrency "
    "BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd ChargeCategory ChargeClass "
    "ChargeDescription InvoiceIssuerName PricingQuantity PricingUnit ServiceCategory ServiceName").split()
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
QUANTITIES = ("PricingQuantity", "ConsumedQuantity")
NOT_EMPTY = ("BillingAccountId", "ServiceName", "ServiceCategory")
PERIODS = (("BillingPeriodStart", "BillingPeriodEnd"), ("ChargePeriodStart", "ChargePeriodEnd"))
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
TAG_COLUMNS = ("Tags", "AllocatedTags")
VERSION_MARKS = (
    ("1.3", "AllocatedMethodId AllocatedMethodDetails AllocatedResourceId AllocatedResourceName AllocatedTags "
            "ContractApplied HostProviderName"),
    ("1.2", "BillingAccountType SubAccountType InvoiceId PricingCurrency PricingCurrencyContractedUnitPrice "
            "PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice"),
    ("1.1", "CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity CommitmentDiscountUnit "
            "ServiceSubcategory SkuMeter SkuPriceDetails"),
)
SPLIT_GROUP = (
    "ResourceId BillingPeriodStart ChargePeriodStart ChargePeriodEnd BillingCurrency ServiceName SkuId SkuPriceId "
    "ChargeCategory ChargeClass SubAccountId CommitmentDiscountId CommitmentDiscountStatus PricingCategory").split()

# The fields of a match in docs/reference/policy.md whose column is not the same words in PascalCase.
FIELD_COLUMNS = {
    "service": "ServiceName", "sku": "SkuId", "sku_price": "SkuPriceId", "region": "RegionId",
    "resource": "ResourceId", "sub_account": "SubAccountId", "billing_account": "BillingAccountId",
    "invoice": "InvoiceId", "invoice_detail": "InvoiceDetailId", "invoice_issuer": "InvoiceIssuerName",
    "provider": "ServiceProviderName", "host_provider": "HostProviderName", "publisher": "PublisherName",
    "commitment": "CommitmentDiscountId", "commitment_status": "CommitmentDiscountStatus",
    "capacity_reservation": "CapacityReservationId", "capacity_status": "CapacityReservationStatus",
    "allocated_method": "AllocatedMethodId", "allocated_resource": "AllocatedResourceId",
}
SAME_WORDS = (
    "service_category service_subcategory sku_meter availability_zone resource_name resource_type sub_account_name "
    "billing_account_name charge_category charge_class charge_description charge_frequency pricing_category "
    "pricing_unit consumed_unit allocated_resource_name").split()
FIELD_COLUMNS.update({name: "".join(word.capitalize() for word in name.split("_")) for name in SAME_WORDS})
TEXT_COLUMNS = set(FIELD_COLUMNS.values()) | set(TAG_COLUMNS) | {"ProviderName"}

ISO_4217 = set(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL "
    "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON "
    "RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG".split())

DECIMAL = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?\Z")
TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?(?:Z|\+00:00)?)?\Z", re.ASCII)


class NotFocus(Exception):
    """The file is refused as a whole."""


@dataclass
class Record:
    line: int
    columns: dict
    billed: int
    effective: int
    currency: str
    period: str
    tags: dict
    allocated_tags: dict

    @property
    def is_allocated_row(self):
        return bool(self.columns.get("AllocatedMethodId"))

    def text(self, name):
        """The text of a match's field, or None when it is absent."""
        if name == "provider" and "ServiceProviderName" not in self.columns:
            return self.columns.get("ProviderName") or None
        return self.columns.get(FIELD_COLUMNS[name]) or None

    def tag(self, key):
        if self.is_allocated_row and key in self.allocated_tags:
            return self.allocated_tags[key]
        return self.tags.get(key)


@dataclass
class Bill:
    version: str
    records: list = field(default_factory=list)
    faults: list = field(default_factory=list)  # (line, [what])
    rounded_values: int = 0
    set_aside: int = 0
    unsettled: int = 0


# RFC 4180


def rows_of(data):
    """Yields (line of the row's begin, fields as bytes or None, what is wrong)."""
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    line = 1
    while at < len(data):
        line_end = data.find(b"\n", at)
        line_end = len(data) if line_end < 0 else line_end + 1
        if data[at:line_end] in (b"\n", b"\r\n"):
            at, line = line_end, line + 1
            continue
        fields, end, wrong = one_row(data, at)
        if wrong:
            yield line, None, wrong
            at, line = line_end, line + 1
            continue
        yield line, fields, too_long(fields, end - at)
        line += data.count(b"\n", at, end)
        at = end


def too_long(fields, length):
    if length > ROW_MAX or len(fields) > COLUMNS_MAX or any(len(text) > FIELD_MAX for text in fields):
        return "beyond the limits of a row"
    return None


def one_row(data, at):
    """(fields, where the next row begins, what is wrong with the quotes)."""
    fields = []
    while True:
        if data[at:at + 1] == b'"':
            text, at = quoted_field(data, at + 1)
            if text is None:
                return None, at, "a quote that is never closed"
        else:
            end = at
            while end < len(data) and data[end] not in b",\n":
                end += 1
            text = data[at:end]
            at = end
            if data[at:at + 1] != b"," and text.endswith(b"\r"):
                text = text[:-1]
            if b'"' in text:
                return None, at, "a quote inside an unquoted field"
        fields.append(text)
        if at >= len(data):
            return fields, at, None
        if data[at:at + 1] == b",":
            at += 1
        elif data[at:at + 1] == b"\n":
            return fields, at + 1, None
        elif data[at:at + 2] == b"\r\n":
            return fields, at + 2, None
        else:
            return None, at, "text after a closing quote"


def quoted_field(data, at):
    pieces = []
    while True:
        end = data.find(b'"', at)
        if end < 0:
            return None, at
        pieces.append(data[at:end])
        if data[end + 1:end + 2] != b'"':
            return b"".join(pieces), end + 1
        pieces.append(b'"')
        at = end + 2


# Values


def decimal(text):
    """(units of 10^-18, whether digits were lost), or None when it is no decimal number in range."""
    match = DECIMAL.match(text)
    if not match or len(text) > 128:
        return None
    sign, whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    digits = int(whole + fraction)
    power = int(exponent or "0") - len(fraction) + 18
    if digits == 0:
        return 0, False
    if power > 200:
        return None
    if power < -400:
        return 0, True
    exact = Fraction(digits) * Fraction(10)**power
    units = round(exact)
    if units > AMOUNT_MAX:
        return None
    return (-units if sign == "-" else units), units != exact


def moment(text):
    """Microseconds since 1970 UTC, or None."""
    match = TIME.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction = match.groups()
    try:
        time = datetime.datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "").ljust(6, "0")))
    except ValueError:
        return None
    return (time - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)


def refuse_constant(name):
    raise ValueError(name)


def flat_object(text):
    """Tags as a mapping of texts, or None."""
    if text == "":
        return {}
    try:
        value = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    tags = {}
    for key, item in value.items():
        if isinstance(item, bool):
            tags[key] = "true" if item else "false"
        elif item is None:
            tags[key] = ""
        elif isinstance(item, str):
            tags[key] = str(item)
        else:
            return None
    return tags


class Number(str):
    """A JSON number, as it was written."""


# Rows


def version_of(header):
    if "ServiceProviderName" in header and "ProviderName" not in header:
        return "1.4"
    if "ProviderName" not in header:
        return None
    if "ServiceProviderName" in header:
        return "1.3"
    for version, marks in VERSION_MARKS:
        if any(mark in header for mark in marks.split()):
            return version
    return "1.0"


def mandatory_of(version):
    columns = list(MANDATORY)
    if version <= "1.3":
        columns += ["ProviderName", "PublisherName"]
    if version >= "1.3":
        columns += ["HostProviderName", "ServiceProviderName"]
    return columns


def check_row(columns):
    """(values, names of the wrong columns)."""
    wrong = []
    values = {"lost": 0}
    for name in COSTS:
        values[name] = decimal(columns[name])
        if values[name] is None:
            wrong.append(name)
    for name in QUANTITIES:
        if columns.get(name) and decimal(columns[name]) is None:
            wrong.append(name)
    if columns["BillingCurrency"] not in ISO_4217:
        wrong.append("BillingCurrency")
    for start, end in PERIODS:
        values[start], values[end] = moment(columns[start]), moment(columns[end])
        if values[start] is None:
            wrong.append(start)
        if values[end] is None or (values[start] is not None and values[end] <= values[start]):
            wrong.append(end)
    if columns["ChargeCategory"] not in CATEGORIES:
        wrong.append("ChargeCategory")
    if columns["ChargeClass"] not in ("", "Correction"):
        wrong.append("ChargeClass")
    wrong += [name for name in NOT_EMPTY if not columns[name]]
    for name in TAG_COLUMNS:
        values[name] = flat_object(columns.get(name, ""))
        if values[name] is None:
            wrong.append(name)
    return values, wrong


def read_row(header, fields, line):
    """A record and its number of rounded values, or the names of what is wrong."""
    if len(fields) != len(header):
        return None, [f"{len(fields)} columns instead of {len(header)}"]
    columns = {}
    wrong = []
    for name, raw in zip(header, fields):
        try:
            columns[name] = raw.decode("utf-8")
        except UnicodeDecodeError:
            columns[name] = raw.decode("utf-8", "replace")
            if name in TEXT_COLUMNS:
                wrong.append(name)
    values, more = check_row(columns)
    wrong += more
    if wrong:
        return None, wrong
    start = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=values["BillingPeriodStart"])
    record = Record(
        line=line, columns=columns, billed=values["BilledCost"][0], effective=values["EffectiveCost"][0],
        currency=columns["BillingCurrency"], period=start.strftime("%Y-%m"),
        tags=values["Tags"], allocated_tags=values["AllocatedTags"])
    return (record, sum(values[name][1] for name in COSTS)), None


def read_bill(data):
    rows = rows_of(data)
    line, first, wrong = next(rows, (1, None, "the file is empty"))
    if wrong:
        raise NotFocus(wrong)
    header = [name.decode("utf-8", "replace") for name in first]
    version = version_of(header)
    missing = [name for name in mandatory_of(version or "1.0") if name not in header]
    if version is None or missing:
        raise NotFocus(f"missing columns: {', '.join(missing)}")
    bill = Bill(version)
    for line, fields, wrong in rows:
        good, faults = (None, [wrong]) if wrong else read_row(header, fields, line)
        if good is None:
            bill.faults.append((line, faults))
        else:
            bill.records.append(good[0])
            bill.rounded_values += good[1]
    settle_split_rows(bill)
    return bill


def settle_split_rows(bill):
    """Of a charge that stands in the file both whole and split, one side counts."""
    groups = {}
    for record in bill.records:
        if record.columns.get("ResourceId"):
            key = tuple(record.columns.get(name, "") for name in SPLIT_GROUP)
            groups.setdefault(key, ([], []))[record.is_allocated_row].append(record)
    aside = set()
    for origins, parts in groups.values():
        if not origins or not parts:
            continue
        agree = (sum(r.billed for r in origins) == sum(r.billed for r in parts)
                 and sum(r.effective for r in origins) == sum(r.effective for r in parts))
        bill.unsettled += not agree
        aside.update(id(record) for record in (origins if agree else parts))
    bill.set_aside = len(aside)
    bill.records = [record for record in bill.records if id(record) not in aside]
