"""The pipeline that every request of every adapter runs through, one concern a file.

Per verb: observe, deadline. Per attempt: retry, token, limits, transport. The token comes before the limits:
waiters for a login would otherwise hold every place that the login needs.
"""
