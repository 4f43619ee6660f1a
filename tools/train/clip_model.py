# SPDX-License-Identifier: MIT
"""CLIP as open_clip registers it (names and shapes), small; and writing it as float16 safetensors."""
import json
import struct

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, mask):
        n, t, w = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(n, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * (w // self.heads) ** -0.5) @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores + mask[:t, :t]
        out = scores.softmax(-1).to(v.dtype) @ v
        return self.out_proj(out.transpose(1, 2).reshape(n, t, w))


class Block(nn.Module):
    def __init__(self, width, heads, depth):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})
        small = width**-0.5 * (2 * depth) ** -0.5
        for linear, std in ((self.attn.out_proj, small), (self.mlp["c_proj"], small), (self.mlp["c_fc"], (2 * width) ** -0.5)):
            nn.init.normal_(linear.weight, std=std)
            nn.init.zeros_(linear.bias)

    def forward(self, x, mask=None):
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Transformer(nn.Module):
    def __init__(self, width, heads, layers):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads, layers) for _ in range(layers))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Vision(nn.Module):
    def __init__(self, cfg, dim):
        super().__init__()
        width, patch, grid = cfg["width"], cfg["patch_size"], cfg["image_size"] // cfg["patch_size"]
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(1 + grid * grid, width) * width**-0.5)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, width // cfg["head_width"], cfg["layers"])
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.randn(width, dim) * width**-0.5)

    def features(self, pixels):  # [n, 3, S, S] -> [n, width], before the projection
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(len(x), 1, -1).to(x.dtype)
        x = torch.cat([cls, x], 1) + self.positional_embedding
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0])


class Clip(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        text, dim = cfg["text_cfg"], cfg["embed_dim"]
        width = text["width"]
        self.visual = Vision(cfg["vision_cfg"], dim)
        self.transformer = Transformer(width, text["heads"], text["layers"])
        self.token_embedding = nn.Embedding(text["vocab_size"], width)
        self.positional_embedding = nn.Parameter(torch.randn(text["context_length"], width) * 0.01)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, dim) * width**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(2.6593))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        length = text["context_length"]
        self.mask = torch.full((length, length), float("-inf")).triu(1)

    def encode_image(self, pixels):
        features = self.visual.features(pixels)
        return F.normalize((features @ self.visual.proj).float(), dim=-1), features

    def encode_text(self, ids):  # [n, T]; what is after the longest text is left out
        end = ids.argmax(-1)
        ids = ids[:, : int(end.max()) + 1]
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        x = self.ln_final(self.transformer(x, self.mask))
        x = x[torch.arange(len(x)), end]
        return F.normalize((x @ self.text_projection).float(), dim=-1)


def save_half(state, path):
    """state: name -> tensor. The format is safetensors': a JSON header, then the data."""
    header, blobs, offset = {}, [], 0
    for name in sorted(state):
        blob = state[name].detach().to(torch.float16).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(state[name].shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
