"""The first import of a function's process: polars' allocator gets its settings, and the garbage collector rests.

It rests until the function is ready. Almost all that is made on the way there, some hundred thousand objects, stays as
long as the process does. Searching it for garbage again and again takes a tenth of the start, and finds next to none.
`lambda_function` ends the rest.
"""

import gc

import filegate.aws_lambda.allocator  # noqa: F401 - before whatever imports polars

gc.disable()
