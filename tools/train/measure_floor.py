#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the floors and the exclusion of `fovea search` where right and wrong are known: on painted
pictures with the demonstration model.

    measure_floor.py FOVEA MODEL FOLDER [--pictures 600] [--seed 20261124]

Paints a library into FOLDER (used again if it is there) and asks it with the program, as a user would:

captions   one caption of each of 200 pictures. Right are the pictures that it is true of
pictures   60 pictures as examples. Right are those of the same kind
nothing    40 phrases about nothing in the library. Right is that nothing is strong
exclusion  pairs "CATEGORY's phrase --not THING". Of the strong matches without --not, those with the
           thing in them should be left out, and no others

Precision and recall are means over the questions; a question without an answer has precision 0.
"""
import argparse
import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import evaluate  # noqa: E402

THINGS = {"boat": "a boat", "moon": "the moon", "forest": "a forest", "snow": "snow", "cars": "cars",
          "car": "cars", "rocks": "rocks", "lighthouse": "a lighthouse", "neon": "neon lights",
          "river": "a river", "mountains": "mountains"}
ASKED = ["the sea", "a city", "a waterfall", "stars in the sky", "a landscape", "rushing water"]


def ask(args, library, *question):
    text = subprocess.run([args.fovea, "search", *question, "--limit", "100000", "--json"], check=True,
                          capture_output=True, text=True,
                          env=dict(os.environ, FOVEA_LIBRARY=library)).stdout
    answer = json.loads(text)
    base = os.path.join(os.path.realpath(args.folder), "pictures")
    return answer, {os.path.relpath(r["path"], base) for r in answer["results"] if r["strong"]}


def shares(found, true):
    right = len(found & true)
    return (right / len(found) if found else 0, right / len(true) if true else 1)


def mean(rows):
    p = sum(r[0] for r in rows) / len(rows)
    r = sum(r[1] for r in rows) / len(rows)
    return "precision %.2f, recall %.2f" % (p, r)


def measure(args, library, scenes, floor):
    names = sorted(scenes)
    draw = random.Random(args.seed)
    rows = {"captions": [], "pictures": []}
    for name in draw.sample(names, min(200, len(names))):
        scene = scenes[name]
        caption = draw.choice(scene["captions"])
        true = {n for n in names if evaluate.is_true(caption, scene, scenes[n])}
        rows["captions"].append(shares(ask(args, library, caption["text"], *floor)[1], true))
    for name in draw.sample(names, min(60, len(names))):
        true = {n for n in names if scenes[n]["kind"] == scenes[name]["kind"]}
        path = os.path.join(args.folder, "pictures", name)
        rows["pictures"].append(shares(ask(args, library, "--image", path, *floor)[1], true))
    strong = sum(ask(args, library, phrase, *floor)[0]["strong"] for phrase in evaluate.NOTHING)
    print("  captions: %s\n  pictures: %s\n  nothing: %d of %d strong" % (
        mean(rows["captions"]), mean(rows["pictures"]), strong, len(evaluate.NOTHING)))


def measure_exclusion(args, library, scenes):
    rows, kept, count = [], 0, 0
    for phrase in ASKED:
        before = ask(args, library, phrase, "--floor", "auto")[1]
        for fact, thing in THINGS.items():
            with_it = {n for n in before if fact in scenes[n]["facts"]}
            if len(with_it) < 3 or len(with_it) > 0.8 * len(before):
                continue
            after = ask(args, library, phrase, "--floor", "auto", "--not", thing)[1]
            rows.append(shares(before - after, with_it))
            count += 1
    print("exclusion, %d pairs: of what is left out, the thing is in it: %s" % (count, mean(rows)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fovea")
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--seed", type=int, default=20261124)
    args = parser.parse_args()
    pictures = os.path.join(args.folder, "pictures")
    if not os.path.isdir(pictures):
        evaluate.run(args.fovea, "demo", "--only-pictures", "--out", args.folder, "--pictures",
                     str(args.pictures), "--seed", str(args.seed), "--repeated", "0")
    library = os.path.join(args.folder, "floor.db")
    evaluate.run(args.fovea, "index", "--model", args.model, pictures, library=library)
    with open(os.path.join(pictures, "captions.jsonl")) as lines:
        scenes = {s["file"]: s for s in map(json.loads, lines)}
    for title, floor in (("usual floors", []), ("--floor auto", ["--floor", "auto"])):
        print(title)
        measure(args, library, scenes, floor)
    measure_exclusion(args, library, scenes)


if __name__ == "__main__":
    main()
