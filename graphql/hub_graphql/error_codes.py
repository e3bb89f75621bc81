"""The closed list of error codes. A new one is added here, and the schema diff shows it."""

from enum import Enum

import strawberry
from strawberry import enum_value as _code


@strawberry.enum(description="Why something was refused. Stable: clients may branch on it.")
class ErrorCode(Enum):
    INVALID_INPUT = _code("INVALID_INPUT", description="An argument breaks a rule; `path` names it.")
    NOT_FOUND = _code("NOT_FOUND", description="What the id or key names does not exist for this caller.")
    CONFLICT = _code("CONFLICT", description="The state does not allow it, or another change came first.")
    DENIED = _code("DENIED", description="The credential does not allow it.")
    UNAVAILABLE = _code("UNAVAILABLE", description="Nothing is wrong with the request; try again later.")
    INTERNAL = _code("INTERNAL", description="A fault of the hub; quote the request id.")
    RESYNC_REQUIRED = _code("RESYNC_REQUIRED", description="The cursor is too old: read the state anew.")
    SUBSCRIBER_TOO_SLOW = _code(
        "SUBSCRIBER_TOO_SLOW", description="More events waited than may; subscribe again after the last one read."
    )
    OVERLOADED = _code("OVERLOADED", description="Too much work is waiting; try again later.")

    INVALID_ID = _code("INVALID_ID", description="Not a global id, or one of another type.")
    INVALID_CURSOR = _code("INVALID_CURSOR", description="Not a cursor of this query with these arguments.")
    INVALID_QUANTITY = _code("INVALID_QUANTITY", description="Not a whole number from 1 to 1,000,000,000.")
    INVALID_GTIN = _code("INVALID_GTIN", description="Not a GTIN-8, 12, 13 or 14 with its check digit.")
    INVALID_SKU = _code("INVALID_SKU", description="Not 1 to 100 printable characters.")
    INVALID_AMOUNT = _code("INVALID_AMOUNT", description="Not an exact decimal amount of its currency.")
    INVALID_TTL = _code("INVALID_TTL", description="Not a time to live within the published limit, in seconds.")
    INVALID_TRANSITION = _code("INVALID_TRANSITION", description="The object's state does not allow this step.")
    TOO_MANY_LINES = _code("TOO_MANY_LINES", description="More lines than one request may carry.")

    LOCATION_NOT_FOUND = _code("LOCATION_NOT_FOUND", description="No location has this id.")
    CHANNEL_NOT_FOUND = _code("CHANNEL_NOT_FOUND", description="No channel has this id.")
    INVALID_EPC = _code("INVALID_EPC", description="Not an EPC in hex, as a URI or as a digital link.")
    EPC_SCHEME_UNKNOWN = _code("EPC_SCHEME_UNKNOWN", description="A well-formed tag, but no SGTIN.")
    INVALID_EPCIS = _code("INVALID_EPCIS", description="Not EPCIS 2.0, or an event that the hub does not take.")
    UNKNOWN_GTIN = _code("UNKNOWN_GTIN", description="No variant has this barcode.")
    RFID_DIFFERENCES = _code("RFID_DIFFERENCES", description="What was read is not what the transfer says.")
    RFID_EXPECTATION_MISSING = _code("RFID_EXPECTATION_MISSING", description="Nothing says what was to be read.")
    RFID_NO_TRANSFER = _code("RFID_NO_TRANSFER", description="The read session was opened without a transfer.")
    RFID_SESSION_BOOKED = _code("RFID_SESSION_BOOKED", description="What was read has been booked already.")
    RFID_SESSION_ENDED = _code("RFID_SESSION_ENDED", description="The read session is closed, or its time is over.")
    RFID_SESSION_FULL = _code("RFID_SESSION_FULL", description="The read session holds as much as one may.")
    RFID_TAGS_GONE = _code("RFID_TAGS_GONE", description="The tags were forgotten after their retention.")
    TERMINAL_REQUIRED = _code("TERMINAL_REQUIRED", description="Only a terminal's own credential reports receipts.")
    INVALID_RECEIPT = _code("INVALID_RECEIPT", description="Not 1 to 64 printable characters.")
    RECEIPT_REUSED = _code("RECEIPT_REUSED", description="The terminal reported this receipt with other content.")
    OCCURRED_AT_OUT_OF_RANGE = _code(
        "OCCURRED_AT_OUT_OF_RANGE", description="More than 30 days ago, or more than 5 minutes ahead."
    )
    TERMINAL_NOT_FOUND = _code("TERMINAL_NOT_FOUND", description="No terminal has this id.")
    UNKNOWN_SKU = _code("UNKNOWN_SKU", description="No variant has this sku.")
    UNKNOWN_LOCATION = _code("UNKNOWN_LOCATION", description="No such location, or it is closed.")
    UNKNOWN_CURRENCY = _code("UNKNOWN_CURRENCY", description="Not an ISO 4217 currency code.")
    CHANNEL_NOT_ALLOWED = _code("CHANNEL_NOT_ALLOWED", description="The credential does not act for this channel.")
    OWNER_NOT_ALLOWED = _code("OWNER_NOT_ALLOWED", description="The credential may not claim stock in this name.")
    SCOPE_MISSING = _code("SCOPE_MISSING", description="The credential lacks a scope that the field needs.")
    LOCATION_NOT_ALLOWED = _code("LOCATION_NOT_ALLOWED", description="The credential does not act for this location.")

    INSUFFICIENT_STOCK = _code("INSUFFICIENT_STOCK", description="Fewer units are available than were asked for.")
    STOCK_NOT_TRACKED = _code("STOCK_NOT_TRACKED", description="The variant's stock is not counted.")
    BUNDLE_NESTED = _code("BUNDLE_NESTED", description="A component of a bundle cannot be a bundle.")
    BUNDLE_HOLDS_STOCK = _code(
        "BUNDLE_HOLDS_STOCK", description="The variant has stock of its own, or orders wait for it."
    )
    BUNDLE_HAS_NO_STOCK = _code(
        "BUNDLE_HAS_NO_STOCK", description="A bundle is sold from the stock of its components: report those."
    )
    STALE_VERSION = _code("STALE_VERSION", description="The object changed since `expectedVersion` was read.")
    STALE_QUANTITY = _code("STALE_QUANTITY", description="The level changed since `expectedQuantity` was read.")
    PRICE_CHANGED = _code("PRICE_CHANGED", description="A unit price differs from the listing's price.")
    RESERVATION_NOT_FOUND = _code("RESERVATION_NOT_FOUND", description="No such reservation for this caller.")
    RESERVATION_NOT_ACTIVE = _code(
        "RESERVATION_NOT_ACTIVE", description="The reservation was already committed or released."
    )
    RESERVATION_EXPIRED = _code("RESERVATION_EXPIRED", description="The reservation's time is over.")
    STOCK_TRANSFER_NOT_FOUND = _code("STOCK_TRANSFER_NOT_FOUND", description="No such stock transfer for this caller.")
    PURCHASE_ORDER_NOT_FOUND = _code("PURCHASE_ORDER_NOT_FOUND", description="No such purchase order for this caller.")
    COUNT_SESSION_NOT_FOUND = _code("COUNT_SESSION_NOT_FOUND", description="No such count session for this caller.")
    PURCHASE_ORDER_EXISTS = _code("PURCHASE_ORDER_EXISTS", description="A purchase order has this number already.")
    REASON_REQUIRED = _code("REASON_REQUIRED", description="Units differ from what is expected: say why.")
    MISSING_EXCEEDS_OUTSTANDING = _code(
        "MISSING_EXCEEDS_OUTSTANDING", description="More units are called missing than are still expected."
    )
    STOCK_MOVED = _code("STOCK_MOVED", description="Stock moved while the request was decided; send it again.")

    ORDER_NOT_FOUND = _code("ORDER_NOT_FOUND", description="No such order for this caller.")
    EMPTY_ORDER = _code("EMPTY_ORDER", description="The order has no line.")
    ORDER_NOT_CANCELLABLE = _code("ORDER_NOT_CANCELLABLE", description="The order's state is past cancelling.")
    ORDER_NOT_HELD = _code("ORDER_NOT_HELD", description="The order does not wait for this reason, or not any more.")
    HOLD_NOT_DECIDABLE = _code("HOLD_NOT_DECIDABLE", description="Holds of this reason do not end by this decision.")
    RESERVATION_MISMATCH = _code("RESERVATION_MISMATCH", description="The reservation does not hold the order's lines.")
    RETURN_EXCEEDS_FULFILLED = _code(
        "RETURN_EXCEEDS_FULFILLED", description="More units than were fulfilled and not yet returned."
    )
    FULFILLMENT_ORDER_NOT_FOUND = _code(
        "FULFILLMENT_ORDER_NOT_FOUND", description="No such fulfillment order for this caller."
    )
    WRONG_PICKUP_CODE = _code("WRONG_PICKUP_CODE", description="Not the code that the customer was given.")

    INVALID_PRODUCT_QUERY = _code(
        "INVALID_PRODUCT_QUERY", description="A filter, search or order that the catalog cannot answer."
    )

    UNKNOWN_CUSTOMER = _code("UNKNOWN_CUSTOMER", description="No such customer for this caller.")
    INVALID_IDENTITY = _code("INVALID_IDENTITY", description="Not an e-mail address, phone number or card.")
    IDENTITY_CONTENDED = _code(
        "IDENTITY_CONTENDED", description="Another request is registering this identity; ask again."
    )

    UNKNOWN_PROGRAMME = _code("UNKNOWN_PROGRAMME", description="No such loyalty programme.")
    PROGRAMME_EXISTS = _code("PROGRAMME_EXISTS", description="A loyalty programme of this name exists.")
    UNKNOWN_LOYALTY_ACCOUNT = _code("UNKNOWN_LOYALTY_ACCOUNT", description="The customer has no such account.")
    INVALID_POINTS = _code("INVALID_POINTS", description="Not a number of points the programme can mean.")
    INSUFFICIENT_POINTS = _code("INSUFFICIENT_POINTS", description="The balance has fewer points.")
    POINTS_SOURCE_REUSED = _code(
        "POINTS_SOURCE_REUSED", description="This source already moved points, in another way."
    )

    RFID_SESSION_NOT_FOUND = _code("RFID_SESSION_NOT_FOUND", description="There is no such read session.")
    RFID_SESSION_OPEN = _code("RFID_SESSION_OPEN", description="The read session was not closed.")
    RFID_NOT_A_COUNT = _code("RFID_NOT_A_COUNT", description="The read session was not opened to count.")

    IDEMPOTENCY_KEY_INVALID = _code("IDEMPOTENCY_KEY_INVALID", description="Not 1 to 128 printable characters.")
    IDEMPOTENCY_KEY_REUSED = _code("IDEMPOTENCY_KEY_REUSED", description="This key was used with another input.")
    IDEMPOTENCY_CONCURRENT_REQUEST = _code(
        "IDEMPOTENCY_CONCURRENT_REQUEST", description="A request with this key is still running; ask again."
    )


CODES = frozenset(ErrorCode.__members__)
