"""Imitation of Amazon: LWA, Seller Central's consent page, and SP-API.

It also serves the report documents of SP-API.

It runs as a process of its own and imports nothing of ours but `lib`, so that the client and its
counterpart can share no mistake. Nothing here may be friendlier than Amazon. Figures and texts come
from Amazon's public developer documentation and OpenAPI models, and from answers that developers
recorded. Where a recorded answer differs from the model, the recorded one is given: null in place
of an absent status, context or breakdown of a transaction, numbers as amounts of getOrderMetrics.

Where Amazon publishes nothing, this is what is assumed, and what a first real account should be
compared with:

- the breakdown types of Finances 2024-06-19 (`spapi.transaction_json`), one of them made so that no
  reader can know it;
- a released sale is a second transaction that names the deferred one, which itself becomes
  DEFERRED_RELEASED: adding both counts twice;
- where prices contain the tax, Orders shows no TAX proceeds and Principal is the price with tax;
  DISCOUNT proceeds are negative;
- pending orders show no money, but do in Japan; cancelled orders keep their money in Orders and
  lose it in the all-orders reports;
- the all-orders reports have order-item-id, as documented, but in Europe not, as files of sellers
  there do not;
- a report on sales and traffic that is requested too often is canceled; access ends at once when a
  seller disables the application;
- some columns and answers come in Windows-1252 or Shift_JIS, as developers report, although Amazon
  says UTF-8;
- the names of exceptions in x-amzn-ErrorType other than those of 403 and 429 follow their pattern;
  Japanese documents name no charset.

Not emulated: PARTIALLY_SHIPPED, report schedules, the Appstore's way in, Data Kiosk, notifications.
"""
