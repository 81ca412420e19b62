"""A stand-in for Amazon: Login with Amazon, Seller Central's consent page, SP-API and its report documents.

It runs as a process of its own and imports nothing of ours but `lib`, so that the client and its counterpart can share no mistake.
Nothing here may be friendlier than Amazon. Figures and texts come from Amazon's public developer documentation and OpenAPI models.
"""
