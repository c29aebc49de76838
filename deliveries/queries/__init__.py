"""Reads of the API and the admin, as named functions by noun.

Event, SettledDelivery and Attempt are partitioned by id, and an id holds its row's time: every
read here bounds the id, so that it opens the partitions of its days only.
"""
