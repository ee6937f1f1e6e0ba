"""Types as the models state them: from expressions to types, questions about types, and the plans of unions.

Both the codec and its accelerated decoders build on this room; it knows neither.
"""
