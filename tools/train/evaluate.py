#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the demonstration model with the program itself, on pictures that training never saw.

    evaluate.py FOVEA MODEL FOLDER [--pictures 600] [--seed 20261124]

Paints a library into FOLDER, indexes, classifies and searches it as a user would, and prints the
figures as Markdown (docs/demo.md). What counts as right:

classification  the first category is the scene's, the prompts being those of the default categories
top two         of a scene with two categories, both are the first two
own picture     a caption of a picture finds it among the first ten of all pictures; captions that are
                true of more than ten pictures cannot, and are not asked
what is true    of the pictures that the caption is true of (of the same kind or category, of the same
                hour if it names one, with everything it mentions in them), the part that is among the
                first ten
nothing         a phrase about nothing in the library gives "no strong matches found"
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bpe  # noqa: E402

# None of these is in training; about a third of them consist of words that training never saw.
NOTHING = """a penguin colony on ice skates
an espresso machine
a bowl of noodle soup
a portrait of an old gentleman
a spreadsheet tutorial
a dalmatian
a trombone
a ping pong paddle
burritos and tacos
a vacuum flask
an accordion player
a sumo wrestler
a kindergarten classroom
a tax form
a bathroom scale
a cheetah hunting antelopes
an ultrasound scan
a knitting needle
a croissant
avocado toast
a hamburger restaurant menu
a stethoscope salesman
a corgi wearing sunglasses
a tennis racket
a wedding invitation
an astronaut portrait
a beehive inspector
an xylophone
a pregnant lady
a zebra crossing diagram
a nail polish bottle
a hospital corridor
a conference keynote speaker
a garlic press
an ant farm
a trophy cabinet
a lipstick advertisement
a passport photograph
a bulldog puppy
a crossword puzzle""".split("\n")


def run(fovea, *arguments, library=None):
    environment = dict(os.environ)
    if library:
        environment["FOVEA_LIBRARY"] = library
    done = subprocess.run([fovea, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit("fovea %s: %s" % (" ".join(arguments), done.stderr))
    return done.stdout


def is_true(caption, of, other):
    if caption["category"] and caption["category"] not in (other["category"], other["second_category"]):
        return False
    if caption["kind"] and of["kind"] != other["kind"]:
        return False
    if caption["hour"] and of["hour"] != other["hour"]:
        return False
    return set(caption["facts"]) <= set(other["facts"])


def told(caption):
    return len(caption["facts"]) + caption["hour"] + caption["kind"]


def plain(text):
    return " ".join(bpe.words_of(text))


def prompts():
    with open(os.path.join(HERE, "..", "..", "data", "categories.json")) as file:
        return {plain(p) for list_ in json.load(file).values() for p in list_}


def measure_classes(fovea, library, scenes, base):
    answers = json.loads(run(fovea, "classify", "--json", library=library))
    rows = answers["photos"] if isinstance(answers, dict) else answers
    plain, mixed, wrong = [], [], {}
    for row in rows:
        scene = scenes[os.path.relpath(row["path"], base)]
        ranked = sorted(row["scores"], key=row["scores"].get, reverse=True)
        if scene["mixed"]:
            both = {scene["category"], scene["second_category"]} == set(ranked[:2])
            mixed.append((both, row["margin"], row["uncertain"], scene))
        else:
            right = ranked[0] == scene["category"]
            plain.append((right, row["margin"], row["uncertain"], scene))
            if not right:
                key = "%s taken for %s" % (scene["kind"], ranked[0])
                wrong[key] = wrong.get(key, 0) + 1
    return plain, mixed, wrong


def specific_captions(scenes, count):
    """For pictures spread over the library, the caption that tells most, if it is true of ten at most."""
    forbidden, names, chosen = prompts(), sorted(scenes), []
    for name in sorted(names, key=lambda n: hash_of(n)):
        scene = scenes[name]
        caption = max((c for c in scene["captions"] if plain(c["text"]) not in forbidden), key=told)
        true = [n for n in names if is_true(caption, scene, scenes[n])]
        if len(true) <= 10 and len(chosen) < count:
            chosen.append((name, caption["text"], set(true)))
    return chosen


def hash_of(name):
    return zlib.crc32(name.encode())


def measure_captions(fovea, library, scenes, base, count):
    own = graded = first = strong = 0
    scores, sizes = [], []
    asked = specific_captions(scenes, count)
    for name, text, true in asked:
        answer = json.loads(run(fovea, "search", text, "--floor", "-1", "--limit", "10", "--json", library=library))
        found = [os.path.relpath(r["path"], base) for r in answer["results"]]
        own += name in found
        first += found[0] in true
        graded += len(true & set(found)) / len(true)
        scores.append(answer["results"][0]["score"])
        strong += scores[-1] >= 0.2
        sizes.append(len(true))
    n = len(asked)
    return dict(asked=n, own=own / n, first=first / n, graded=graded / n, strong=strong / n, score=statistics.median(scores), true=statistics.median(sizes))


def measure_nothing(fovea, library):
    best = []
    for phrase in NOTHING:
        answer = json.loads(run(fovea, "search", phrase, "--limit", "1", "--json", library=library))
        best.append((answer["results"][0]["score"], answer["strong"], phrase))
    return sorted(best, reverse=True)


def margins(rows):
    values = [r[1] for r in rows]
    return "median margin %.2f, uncertain %.0f %%" % (statistics.median(values), 100 * sum(r[2] for r in rows) / len(rows))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fovea")
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--captions", type=int, default=200)
    args = parser.parse_args()
    base = os.path.realpath(os.path.join(args.folder, "pictures"))
    if not os.path.exists(os.path.join(base, "captions.jsonl")):
        run(args.fovea, "demo", "--only-pictures", "--out", args.folder, "--pictures", str(args.pictures), "--seed", str(args.seed), "--mixed", "0.25", "--repeated", "0")
        base = os.path.realpath(base)
    with open(os.path.join(base, "captions.jsonl")) as file:
        scenes = {s["file"]: s for s in map(json.loads, file)}
    library = os.path.join(args.folder, "measured.db")
    if os.path.exists(library):
        os.remove(library)
    run(args.fovea, "index", "--model", args.model, base, library=library)
    plain, mixed, wrong = measure_classes(args.fovea, library, scenes, base)
    right = sum(r[0] for r in plain)
    print("| what | figure | wanted |\n| --- | --- | --- |")
    print("| first category right, %d unmixed pictures | %.3f | 0.95 |" % (len(plain), right / len(plain)))
    print("| both categories in the first two, %d mixed pictures | %.3f | 0.85 |" % (len(mixed), sum(r[0] for r in mixed) / len(mixed)))
    c = measure_captions(args.fovea, library, scenes, base, args.captions)
    print("| text to picture: a caption's own picture among the first ten of %d, %d captions | %.3f | 0.9 |" % (len(scenes), c["asked"], c["own"]))
    print("| of all pictures that the caption is true of (median %d), found in the first ten | %.3f | |" % (c["true"], c["graded"]))
    print("| the first hit is one that the caption is true of | %.3f | |" % c["first"])
    print("| captions whose best hit reaches the floor of 0.20 (median score %.2f) | %.3f | |" % (c["score"], c["strong"]))
    nothing = measure_nothing(args.fovea, library)
    weak = sum(not n[1] for n in nothing)
    print("| phrases about nothing in the library: no strong match | %d of %d | |" % (weak, len(nothing)))
    print("\nMargins: unmixed: %s; mixed: %s.\n" % (margins(plain), margins(mixed)))
    kinds = {}
    for r in plain + mixed:
        kinds.setdefault(r[3]["kind"], []).append(r[0])
    print("By kind: " + ", ".join("%s %d/%d" % (k, sum(v), len(v)) for k, v in sorted(kinds.items())) + ".\n")
    print("Wrong: " + (", ".join("%s (%d)" % (k, n) for k, n in sorted(wrong.items(), key=lambda x: -x[1])) or "none") + ".\n")
    print("Nearest to the floor of what is not there: " + ", ".join('"%s" %.2f' % (n[2], n[0]) for n in nothing[:5]) + ".")


if __name__ == "__main__":
    main()
