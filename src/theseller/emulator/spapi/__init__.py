"""The Selling Partner API as its OpenAPI models describe it: one module an API, one gate before all of them."""
