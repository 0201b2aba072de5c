"""The spaces that come along, by kind, and the text of one that has every form of a parameter."""

from __future__ import annotations

SEARCHES = ("cnn1d", "cnn2d", "demo_cnn1d", "demo_cnn2d")
REPORT = ("ser_report_1d", "ser_report_2d")
QUICK = ("quick_1d", "quick_2d")
SMALL = ("small",)
REJUDGED = ("rejudged_light_sernet", "rejudged_tim_net", "rejudged_res_lstm", "rejudged_notebook_cnn")
SHIPPED = (*SEARCHES, *REPORT, *QUICK, *SMALL, *REJUDGED)

TEXT = """
[space]
family = "cnn1d"

[protocol]
test_core = 20
validation_core = 10

[features]
n_mfcc = 13

[training]
epochs = 20

[parameters]
depth = { low = 2, high = 4 }
width = { low = 16, high = 64, step = 16 }
dropout = { low = 0.0, high = 0.4 }
learning_rate = { low = 1e-4, high = 1e-2, log = true }
optimizer = ["adam", "sgd"]
momentum = { low = 0.1, high = 0.9, when = { optimizer = "sgd" } }
batch_size = 32

[[enqueue]]
name = "known"
finalist = true
parameters = { depth = 3, optimizer = "sgd", momentum = 0.5 }
"""
