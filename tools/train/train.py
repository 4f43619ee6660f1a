#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains the demonstration model on painted scenes. See docs/demo.md.

    paint-scenes squares DATA/held 1000000001 900 96
    paint-scenes squares DATA/train 1 16384 96      (may run beside the training)
    train.py DATA OUT

Everything is drawn from --seed and the number of the step, so a run that was stopped goes on from
its checkpoint as if nothing had been. The loss is CLIP's, with two additions: a caption that is
true of several pictures of the batch counts for all of them, and phrases about things that no
picture shows are pushed away from all of them. A head that names what is in the picture helps the
image tower while it learns and is left out of the model.
"""
import argparse
import collections
import io
import json
import os
import re
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import bpe
from clip_model import Clip, save_half

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SIDE, FACTS, KINDS, HOURS = 96, 51, 32, 8
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
TOLD_KIND, TOLD_HOUR, TOLD_CATEGORY = 1 << 62, 1 << 63, 52


def config(vocabulary):
    return {
        "model_cfg": {
            "embed_dim": 128,
            "vision_cfg": {"image_size": SIDE, "patch_size": 16, "width": 160, "head_width": 32, "layers": 6},
            "text_cfg": {"context_length": 32, "vocab_size": vocabulary, "width": 128, "heads": 4, "layers": 3},
        },
        "preprocess_cfg": {"mean": MEAN.flatten().tolist(), "std": STD.flatten().tolist(), "interpolation": "bicubic", "resize_mode": "shortest"},
    }


def plain(text):
    return " ".join(bpe.words_of(text))


def load_prompts():
    with open(os.path.join(ROOT, "data", "categories.json")) as file:
        return json.load(file)


class Scenes:
    """Pictures and captions of a data set that may still be growing, less the captions that are prompts
    of the default categories."""

    HOURS = ["night", "dusk", "sunset", "dawn", "golden", "day", "overcast", "storm"]

    def __init__(self, base, prompts, count):
        self.base, self.forbidden = base, {plain(p) for list_ in prompts.values() for p in list_}
        self.lines, self.removed, self.kinds = [], 0, None
        self.need(count)

    def need(self, count):
        """Waits for that many pictures."""
        while len(self.lines) < count:
            if not os.path.exists(self.base + ".jsonl"):
                time.sleep(5)
                continue
            with open(self.base + ".jsonl") as file:
                lines = [json.loads(line) for line in file if line.endswith("\n")]
            painted = os.path.getsize(self.base + ".rgb") // (SIDE * SIDE * 3)
            if min(len(lines), painted) >= count:
                self.take(lines[: len(lines) if len(lines) <= painted else painted])
            else:
                time.sleep(5)

    def take(self, lines):
        old = len(self.lines)
        for line in lines[old:]:
            kept = [(c, t) for c, t in zip(line["captions"], line["told"]) if plain(c) not in self.forbidden]
            self.removed += len(line["captions"]) - len(kept)
            line["captions"], line["told"] = [c for c, _ in kept], [t for _, t in kept]
        self.lines += lines[old:]
        self.kinds = self.kinds or sorted({line["kind"] for line in self.lines})
        self.pixels = np.memmap(self.base + ".rgb", np.uint8, "r")[: len(self.lines) * SIDE * SIDE * 3].reshape(-1, SIDE, SIDE, 3)
        self.kind = torch.tensor([self.kinds.index(line["kind"]) for line in self.lines])
        self.hour = torch.tensor([self.HOURS.index(line["hour"]) for line in self.lines])
        self.facts = torch.zeros(len(self.lines), FACTS)
        self.category = torch.zeros(len(self.lines), 6)
        for i, line in enumerate(self.lines):
            self.facts[i, line["facts"]] = 1
            self.category[i, [c for c in (line["category"], line["second"]) if c < 6]] = 1

    def true_of(self, told, own, others):
        """[captions, others]: whether what caption i told of scene own[i] is true of the others."""
        bits = torch.tensor([[t >> f & 1 for f in range(FACTS)] for t in told], dtype=torch.float32)
        category = torch.tensor([[t >> (TOLD_CATEGORY + c) & 1 for c in range(6)] for t in told], dtype=torch.float32)
        true = bits @ (1 - self.facts[others]).T < 0.5
        true &= category @ (1 - self.category[others]).T < 0.5
        kind = torch.tensor([t & TOLD_KIND != 0 for t in told])[:, None]
        hour = torch.tensor([t & TOLD_HOUR != 0 for t in told])[:, None]
        true &= ~kind | (self.kind[own][:, None] == self.kind[others][None])
        true &= ~hour | (self.hour[own][:, None] == self.hour[others][None])
        return true


class CategoryPhrases:
    """What a category as a whole is called, alone or two at a time: "a time lapse photograph of blurred
    motion". Taken from the captions, so no more is said than they say."""

    JOINTS = [" of ", " with ", " showing ", ", ", " and ", " in "]

    def __init__(self, scenes, count):
        self.forbidden, self.phrases = scenes.forbidden, [[] for _ in range(6)]
        for line in scenes.lines[:count]:
            for caption, told in zip(line["captions"], line["told"]):
                for c in range(6):
                    if told == 1 << (TOLD_CATEGORY + c) and caption not in self.phrases[c]:
                        self.phrases[c].append(caption)

    def phrase(self, category, random):
        list_ = self.phrases[category]
        text = list_[random.integers(len(list_))]
        if random.random() < 0.6:
            text += self.JOINTS[random.integers(len(self.JOINTS))] + list_[random.integers(len(list_))]
        return text if plain(text) not in self.forbidden else list_[0]


class Negatives:
    OPENINGS = ["", "", "", "a photo of ", "a picture of ", "an image of ", "a photograph of ", "a close up of "]
    ENDINGS = ["", "", "", " on a white background", " in a room", " on a table", " indoors", " in a studio", " at work", " in black and white", " with a smile", " in a shop"]

    def __init__(self):
        with open(os.path.join(HERE, "negatives.txt")) as file:
            self.things = [line.strip() for line in file if line.strip() and line[0] != "#"]

    def phrase(self, random):
        thing = self.things[random.integers(len(self.things))]
        if random.random() < 0.25:  # two things
            thing += [" and ", " with ", " next to "][random.integers(3)] + self.things[random.integers(len(self.things))]
        if random.random() < 0.2:  # a word that nobody knows
            thing = "a " + "".join("bcdfghklmnprstvwz"[random.integers(17)] + "aeiou"[random.integers(5)] for _ in range(random.integers(2, 5)))
        return self.OPENINGS[random.integers(len(self.OPENINGS))] + thing + self.ENDINGS[random.integers(len(self.ENDINGS))]


def learn_tokenizer(scenes, count, negatives, size):
    counts = collections.Counter(w for line in scenes.lines[:count] for c in line["captions"] for w in bpe.words_of(c))
    for thing in negatives.things:
        for word in bpe.words_of(thing):
            counts[word] += 20
    return bpe.learn(counts, size)


def normalise(pixels):
    return (pixels.float() / 255 - MEAN) / STD


def augment(pixels, random):
    """[n, 3, S, S] bytes. What differs between photos of one thing: framing, exposure, noise, compression."""
    n = len(pixels)
    for i in range(n):
        if random.random() < 0.15:
            file = io.BytesIO()
            Image.fromarray(pixels[i]).save(file, "JPEG", quality=int(random.integers(25, 80)))
            pixels[i] = np.asarray(Image.open(file))
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    x = F.pad(x, (5, 5, 5, 5), mode="replicate")
    out = torch.empty(n, 3, SIDE, SIDE)
    for i in range(n):
        dy, dx = random.integers(0, 11, 2)
        y = x[i, :, dy : dy + SIDE, dx : dx + SIDE]
        out[i] = y.flip(-1) if random.random() < 0.5 else y
    gain = torch.from_numpy(random.uniform(0.85, 1.15, (n, 1, 1, 1)).astype(np.float32))
    tint = torch.from_numpy(random.uniform(0.95, 1.05, (n, 3, 1, 1)).astype(np.float32))
    noise = torch.from_numpy(random.standard_normal((n, 1, SIDE, SIDE), dtype=np.float32)) * 3
    return (out * gain * tint + noise).clamp(0, 255)


def multi_positive(logits, true):
    """Cross entropy against all that is true, in equal parts."""
    target = true.float() / true.float().sum(1, keepdim=True)
    return -(target * F.log_softmax(logits, 1)).sum(1).mean()


class Trainer:
    def __init__(self, args, scenes, held, prompts):
        self.args, self.scenes, self.held, self.prompts = args, scenes, held, prompts
        self.negatives = Negatives()
        self.wide_phrases = CategoryPhrases(scenes, args.first)
        self.merges = learn_tokenizer(scenes, args.first, self.negatives, args.merges)
        self.tokenizer = bpe.Tokenizer(self.merges)
        self.config = config(self.tokenizer.size)
        torch.manual_seed(args.seed)
        self.model = Clip(self.config["model_cfg"])
        self.head = nn.Linear(self.config["model_cfg"]["vision_cfg"]["width"], KINDS + HOURS + FACTS)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        decay = [p for p in self.parameters() if p.dim() > 1]
        other = [p for p in self.parameters() if p.dim() <= 1]
        self.optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0}], lr=args.lr, betas=(0.9, 0.98), eps=1e-6)
        self.step = 0
        self.log_file = open(os.path.join(args.out, "train.log"), "a")

    def parameters(self):
        return list(self.model.parameters()) + list(self.head.parameters())

    def log(self, text):
        print(text, flush=True)
        print(text, file=self.log_file, flush=True)

    def ids(self, texts):
        return torch.tensor([self.tokenizer.encode(t, 32) for t in texts])

    def batch(self):
        random = np.random.default_rng([self.args.seed, self.step])
        # More pictures the longer it runs: training can start while they are still being painted.
        limit = min(self.args.pictures, self.args.first + 16 * self.step)
        self.scenes.need(limit)
        own = np.sort(random.choice(limit, self.args.batch, replace=False))
        texts, told = [], []
        for i in own:
            line = self.scenes.lines[i]
            k = random.integers(len(line["captions"]))
            if self.step >= self.args.widen and random.random() < 0.25:
                k = self.wide(line, k, random)
            texts.append(line["captions"][k])
            told.append(line["told"][k])
        own = torch.from_numpy(own)
        pixels = augment(np.array(self.scenes.pixels[own.numpy()]), random)
        nothing = [self.negatives.phrase(random) for _ in range(self.args.negatives)]
        wide, true = [], self.scenes.true_of(told, own, own)
        if self.step >= self.args.categories:
            wide = [(c, self.wide_phrases.phrase(c, random)) for c in range(6) for _ in range(4)]
            true = torch.cat([true, self.scenes.category[own].T[[c for c, _ in wide]] > 0.5])
        return normalise(pixels), self.ids(texts + [t for _, t in wide] + nothing), true, own

    def wide(self, line, otherwise, random):
        """A caption that speaks of the category as a whole, if there is one: later in the training they
        come more often, because what a category is takes longer to learn than what a thing is."""
        wide = [k for k, t in enumerate(line["told"]) if t >> TOLD_CATEGORY & 63]
        return wide[random.integers(len(wide))] if wide else otherwise

    def loss(self):
        pixels, ids, true, own = self.batch()
        n = len(pixels)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not self.args.float32):
            image, features = self.model.encode_image(pixels)
            text = self.model.encode_text(ids)
            guess = self.head(features).float()
        scale = self.model.logit_scale.exp()
        cosines, m = image @ text.T, len(true)  # [n, m + negatives]; true: [m, n]
        of_image = torch.cat([true.T, torch.zeros(n, cosines.shape[1] - m, dtype=torch.bool)], 1)
        shown = true.any(1)  # a category of which no picture is in the batch is only wrong
        clip = (multi_positive(scale * cosines, of_image) + multi_positive(scale * cosines[:, :m].T[shown], true[shown])) / 2
        # The program's floor for phrases is a cosine of 0.20.
        nothing = F.relu(cosines[:, m:].max(0).values - 0.02).pow(2).mean()
        wrong = F.relu(cosines[:, :m] - 0.15).pow(2).masked_select(~true.T).mean()
        right = F.relu(0.55 - cosines[:, :n].diagonal()).pow(2).mean()
        scenes = self.scenes
        names = F.cross_entropy(guess[:, :KINDS], scenes.kind[own]) + F.cross_entropy(guess[:, KINDS : KINDS + HOURS], scenes.hour[own])
        names = names + F.binary_cross_entropy_with_logits(guess[:, KINDS + HOURS :], scenes.facts[own]) * 4
        return clip + 2 * nothing + 0.5 * wrong + 0.5 * right + 0.3 * names, clip

    def train_step(self):
        args = self.args
        # Warm-up, a plateau, and a quarter of the steps to come down: --steps may still be changed on
        # the plateau.
        down = max(0, self.step / args.steps - 0.75) / 0.25
        rate = min(1, (self.step + 1) / args.warmup) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1, down))))
        for group in self.optimizer.param_groups:
            group["lr"] = args.lr * rate
        loss, clip = self.loss()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, np.log(100))
            keep = min(0.998, (1 + self.step) / (10 + self.step))
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        self.step += 1
        return loss.item(), clip.item()

    def save(self):
        state = {"model": self.model.state_dict(), "head": self.head.state_dict(), "average": self.average, "optimizer": self.optimizer.state_dict(), "step": self.step}
        path = os.path.join(self.args.out, "checkpoint.pt")
        torch.save(state, path + ".new")
        os.replace(path + ".new", path)

    def resume(self):
        path = os.path.join(self.args.out, "checkpoint.pt")
        if not os.path.exists(path):
            return
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.log("resumed at step %d" % self.step)

    def export(self):
        out = self.args.out
        save_half(self.average, os.path.join(out, "open_clip_model.safetensors"))
        with open(os.path.join(out, "open_clip_config.json"), "w") as file:
            json.dump(self.config, file, indent=2)
            file.write("\n")
        with open(os.path.join(out, "merges.txt"), "w") as file:
            file.write("#version: fovea demo\n")
            file.writelines("%s %s\n" % pair for pair in self.merges)

    @torch.no_grad()
    def calibrate(self):
        """The scale learnt among 256 captions is too sure of itself among six categories: it becomes the one
        that gives the held-out squares' categories the highest likelihood, half of it for each where there
        are two (temperature scaling, Guo et al., ICML 2017). Which category is first does not change."""
        kept = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        pixels = torch.from_numpy(np.array(self.held.pixels)).permute(0, 3, 1, 2)
        image = torch.cat([self.model.encode_image(normalise(part))[0] for part in pixels.split(100)])
        classes = torch.stack([F.normalize(self.model.encode_text(self.ids(p)).mean(0), dim=0) for p in self.prompts.values()])
        self.model.load_state_dict(kept)
        target = self.held.category / self.held.category.sum(1, keepdim=True)
        scales = torch.arange(2, 100, 0.1)
        losses = [-(target * F.log_softmax(s * image @ classes.T, 1)).sum(1).mean() for s in scales]
        best = scales[int(torch.stack(losses).argmin())]
        self.log("logit scale %.1f of the training, %.1f calibrated on the held-out squares" % (self.average["logit_scale"].exp(), best))
        self.average["logit_scale"] = best.log()

    @torch.no_grad()
    def evaluate(self):
        """Quick figures on the held-out squares; docs/demo.md has those of the program itself."""
        kept, held = self.model.state_dict(), self.held
        kept = {k: v.clone() for k, v in kept.items()}
        self.model.load_state_dict(self.average)
        pixels = torch.from_numpy(np.array(held.pixels)).permute(0, 3, 1, 2)
        image = torch.cat([self.model.encode_image(normalise(part))[0] for part in pixels.split(100)])
        classes = torch.stack([F.normalize(self.model.encode_text(self.ids(p)).mean(0), dim=0) for p in self.prompts.values()])
        order = (image @ classes.T).argsort(1, descending=True)
        first = torch.tensor([line["category"] for line in held.lines])
        mixed = torch.tensor([line["second"] < 6 for line in held.lines])
        plain_right = (order[:, 0] == first)[~mixed].float().mean().item()
        both = held.category.gather(1, order[:, :2]).sum(1)[mixed]
        captions, told, own = [], [], []
        for i in range(0, 600):  # three telling captions for every third picture
            line = held.lines[i]
            best = max(range(len(line["told"])), key=lambda k: bin(line["told"][k]).count("1"))
            if i % 3 == 0:
                captions.append(line["captions"][best]), told.append(line["told"][best]), own.append(i)
        cosines = self.model.encode_text(self.ids(captions)) @ image[:600].T
        top = cosines.topk(10, 1).indices
        own_found = (top == torch.tensor(own)[:, None]).any(1).float().mean().item()
        true = held.true_of(told, torch.tensor(own), torch.arange(600))
        right = true.gather(1, top).float().sum(1)
        graded = (right / true.sum(1).clamp(max=10)).mean().item()
        random = np.random.default_rng(99)
        nothing = self.model.encode_text(self.ids([self.negatives.phrase(random) for _ in range(100)])) @ image.T
        self.model.load_state_dict(kept)
        self.log("step %d held-out: plain %.3f, mixed both in top two %.3f, own picture in ten %.3f, of what is true in ten %.3f, cosine right %.2f, nothing's best %.2f (worst %.2f), scale %.1f"
                 % (self.step, plain_right, (both > 1.5).float().mean(), own_found, graded, cosines[torch.arange(len(own)), own].mean(), nothing.max(1).values.mean(), nothing.max(), self.model.logit_scale.exp()))

    def run(self):
        self.log("%d pictures so far, %d captions equal to a default prompt removed, vocabulary %d, %.2f million parameters"
                 % (len(self.scenes.lines), self.scenes.removed, self.tokenizer.size, sum(p.numel() for p in self.model.parameters()) / 1e6))
        begin, losses = time.time(), []
        while self.step < self.args.steps:
            losses.append(self.train_step())
            if self.step % 25 == 0:
                mean = np.mean(losses, 0)
                self.log("step %d loss %.3f clip %.3f, %.0f pictures/s, %.0f s" % (self.step, mean[0], mean[1], len(losses) * self.args.batch / (time.time() - begin), time.time() - self.started))
                begin, losses = time.time(), []
            if self.step % self.args.every == 0 or self.step == self.args.steps:
                self.save()
                self.export()
                self.evaluate()
                begin = time.time()
        self.calibrate()
        self.export()


def main():
    parser = argparse.ArgumentParser(description="Trains fovea's demonstration model.")
    parser.add_argument("data")
    parser.add_argument("out")
    for name, kind, default in (("seed", int, 1), ("steps", int, 1350), ("widen", int, 500), ("categories", int, 750), ("first", int, 4096), ("pictures", int, 16384), ("batch", int, 256), ("negatives", int, 64), ("merges", int, 1400), ("lr", float, 1e-3), ("warmup", int, 100), ("every", int, 250), ("threads", int, 2)):
        parser.add_argument("--" + name, type=kind, default=default)
    parser.add_argument("--float32", action="store_true", help="without bfloat16 (slower where the CPU has it)")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(args.threads)
    prompts = load_prompts()
    trainer = Trainer(args, Scenes(os.path.join(args.data, "train"), prompts, args.first), Scenes(os.path.join(args.data, "held"), prompts, 900), prompts)
    trainer.started = time.time()
    trainer.resume()
    trainer.run()


if __name__ == "__main__":
    main()
