"""Sessions, page views and conversion, from sales and traffic reports."""
