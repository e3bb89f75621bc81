"""The GraphQL documents of the demo's clients."""

from typing import Final

_ERRORS: Final = "errors { code message }"

CATALOG_PAGE: Final = """
query CatalogPage($first: Int!, $after: String) {
  products(first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges {
      node {
        title
        variants(first: 10) {
          edges { node { sku price { amount { amount currencyCode } } availability { quantity state } } }
        }
      }
    }
  }
}
"""
PRICES: Final = """
query Price($sku: String!) { variant(sku: $sku) { sku price { amount { amount currencyCode } } } }
"""
AVAILABILITY: Final = """
query Availability($skus: [String!]!, $locationId: ID) {
  availability(skus: $skus, locationId: $locationId) { sku quantity state }
}
"""
AVAILABILITY_CHANGED: Final = """
subscription AvailabilityChanged($skus: [String!]!, $after: String) {
  availabilityChanged(skus: $skus, after: $after) { cursor availabilities { sku quantity state } }
}
"""
RESERVATION_CREATE: Final = f"""
mutation ReservationCreate($input: ReservationCreateInput!) {{
  reservationCreate(input: $input) {{ reservation {{ id status expiresAt }} {_ERRORS} }}
}}
"""
RESERVATION_EXTEND: Final = f"""
mutation ReservationExtend($input: ReservationExtendInput!) {{
  reservationExtend(input: $input) {{ reservation {{ id status expiresAt }} {_ERRORS} }}
}}
"""
RESERVATION_RELEASE: Final = f"""
mutation ReservationRelease($input: ReservationReleaseInput!) {{
  reservationRelease(input: $input) {{ reservation {{ id status }} {_ERRORS} }}
}}
"""
RESERVATION_COMMIT: Final = f"""
mutation ReservationCommit($input: ReservationCommitInput!) {{
  reservationCommit(input: $input) {{ reservation {{ id status }} {_ERRORS} }}
}}
"""
ORDER_PLACE: Final = f"""
mutation OrderPlace($input: OrderPlaceInput!) {{
  orderPlace(input: $input) {{
    order {{ id externalId number status customer {{ id }} lines {{ id sku quantity fulfilled }} }}
    {_ERRORS}
  }}
}}
"""
ORDER_RETURN: Final = f"""
mutation OrderReturn($input: OrderReturnInput!) {{
  orderReturn(input: $input) {{ orderReturn {{ id }} order {{ id }} {_ERRORS} }}
}}
"""
PICKUP_CODES: Final = """
query PickupCodes($id: ID!) {
  order(id: $id) { id fulfillmentOrders { id status pickupCode } }
}
"""
POINTS: Final = """
query Points($id: ID!) {
  customer(id: $id) {
    id
    loyaltyAccounts { available pending owed }
    loyaltyHistory(first: 20) { edges { node { id kind available } } }
  }
}
"""
QUEUE: Final = """
subscription Queue($locationId: ID!, $after: String) {
  fulfillmentOrderChanged(locationId: $locationId, after: $after) {
    cursor
    fulfillmentOrders { id number status method version }
  }
}
"""
QUEUE_PAGE: Final = """
query QueuePage($statuses: [FulfillmentOrderStatus!]) {
  fulfillmentOrders(first: 50, statuses: $statuses) { edges { node { id number status method version } } }
}
"""


def _step(name: str, kind: str) -> str:
    return f"""
mutation {name}($input: {name}Input!) {{
  {kind}(input: $input) {{ fulfillmentOrder {{ id status version }} {_ERRORS} }}
}}
"""


ACCEPT: Final = _step("FulfillmentOrderAccept", "fulfillmentOrderAccept")
READY: Final = _step("FulfillmentOrderReady", "fulfillmentOrderReady")
REJECT: Final = _step("FulfillmentOrderReject", "fulfillmentOrderReject")
COLLECT: Final = _step("FulfillmentOrderCollect", "fulfillmentOrderCollect")
SHIP: Final = _step("FulfillmentOrderShip", "fulfillmentOrderShip")
