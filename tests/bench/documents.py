"""The GraphQL documents that the benchmarks send: what a shop's listing, detail page, cart and till would ask."""

from typing import Final

DOCUMENTS: Final[dict[str, str]] = {
    "catalog_page": """
query CatalogPage($after: String) {
  products(first: 20, after: $after) {
    edges {
      cursor
      node {
        id
        handle
        title
        vendor
        variants(first: 2) {
          edges {
            node {
              id
              sku
              title
              price { amount { amount currencyCode } }
              availability { quantity state }
            }
          }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
""",
    "product_detail": """
query ProductDetail($handle: String!) {
  product(handle: $handle) {
    id
    handle
    title
    vendor
    description
    tags
    images(first: 5) { url alt }
    categories { name path }
    variants(first: 20) {
      edges {
        node {
          id
          sku
          title
          options { name value }
          barcodes
          weightGrams
          price { amount { amount currencyCode } compareAt { amount currencyCode } taxIncluded }
          availability { quantity state asOf confidence locations(first: 5) { available location { code name } } }
        }
      }
    }
  }
}
""",
    "location": """
query Location($code: String!) { location(code: $code) { id } }
""",
    "availability": """
query Availability($skus: [String!]!) {
  availability(skus: $skus) { sku quantity state asOf confidence }
}
""",
    "reservation": """
mutation Reserve($input: ReservationCreateInput!) {
  reservationCreate(input: $input) {
    reservation { id status expiresAt }
    errors { code message path }
  }
}
""",
    "order": """
mutation Place($input: OrderPlaceInput!) {
  orderPlace(input: $input) {
    order { id status }
    errors { code message path }
  }
}
""",
}
