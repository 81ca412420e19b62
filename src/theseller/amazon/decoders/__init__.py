"""Allow-list decoders of Amazon's answers.

A field that no struct here names never becomes a Python object. Raw answers go no further than this
package.
"""
