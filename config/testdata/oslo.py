"""Answers what the real oslo.config makes of configuration files.

Reads one request a line from stdin, writes one answer a line to stdout:

    {"args": ["--config-file", "x.conf", ...],
     "groups": {"fast": [OPTION, ...], ...}, "fallback": ["backend_defaults"]}

    {"error": "why the files can't be loaded"} or
    {"files": [{"group": {"option": ["text", ...]}}, ...],
     "values": {"fast": {"option": {"value": ...} or {"error": "..."}}}}

OPTION has the fields of config.Option in Go.
"""
import json
import math
import logging
import sys

from oslo_config import cfg

logging.disable()  # deprecated names

ZERO = {"string": "", "secret": "", "boolean": False, "integer": 0, "float": 0,
        "seconds": 0, "list": [], "multi": [], "dict": {}}


def declare(spec, default):
    kwargs = {"default": default}
    kind, name = spec["Type"], spec["Name"]
    if spec["Deprecated"]:
        kwargs["deprecated_name"] = spec["Deprecated"]
    if kind in ("string", "secret"):
        return cfg.StrOpt(name, choices=spec["Choices"], **kwargs)
    if kind in ("integer", "float", "seconds"):
        number = int if kind == "integer" else float
        for limit in "Min", "Max":
            if spec[limit]:
                kwargs[limit.lower()] = number(spec[limit])
        opt = cfg.IntOpt if kind == "integer" else cfg.FloatOpt
        return opt(name, **kwargs)
    return {"boolean": cfg.BoolOpt, "list": cfg.ListOpt,
            "multi": cfg.MultiStrOpt, "dict": cfg.DictOpt}[kind](name, **kwargs)


def default_of(spec):
    if not spec["Default"]:
        return None
    return [spec["Default"]] if spec["Type"] == "multi" else spec["Default"]


def section(conf, group):
    return conf if group == "DEFAULT" else conf[group]


def read(conf, group, fallback, spec):
    """The value in group, else in a fallback group, as in glance_store's getter,
    which goes on when it meets None."""
    for g in [group] + fallback:
        value = section(conf, g)[spec["Name"]]
        if value is not None:
            return value
    value = default_of(spec)  # a number that is set to nothing
    if value is None:
        return ZERO[spec["Type"]]
    return declare(spec, None).type(value)


def answer(request):
    conf = cfg.ConfigOpts()
    groups, fallback = request["groups"], request["fallback"] or []
    for group, specs in groups.items():
        chain = [group] + fallback
        for g in chain:  # only the last has the defaults
            conf.register_opts(
                [declare(s, default_of(s) if g == chain[-1] else None)
                 for s in specs], None if g == "DEFAULT" else g)
    try:
        conf(request["args"], use_env=False)
    except Exception as e:
        return {"error": str(e) or type(e).__name__}
    values = {}
    for group, specs in groups.items():
        values[group] = {}
        for spec in specs:
            try:
                value = read(conf, group, fallback, spec)
                if isinstance(value, float) and not math.isfinite(value):
                    raise ValueError("config wants finite numbers; JSON has no others")
                result = {"value": value}
            except Exception as e:
                result = {"error": type(e).__name__ + ": " + str(e)}
            values[group][spec["Name"]] = result
    return {"files": conf._namespace._normalized[::-1], "values": values}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
