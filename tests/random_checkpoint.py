"""Small random checkpoints of the transformers library, saved to disk as a user's would be."""

from pathlib import Path

import torch

_VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
_TEXT = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 16, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
_WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "a", "dog", "cat", "runs", "on", "the", "beach", "red", "ball"]


def save_checkpoint(folder: Path, family: str) -> Path:
    """Save a randomly initialised checkpoint of one family, with its processor and tokeniser."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        CLIPConfig,
        CLIPImageProcessorPil,
        CLIPModel,
        PreTrainedTokenizerFast,
        Siglip2Config,
        Siglip2ImageProcessorPil,
        Siglip2Model,
        SiglipConfig,
        SiglipImageProcessorPil,
        SiglipModel,
    )  # fmt: skip

    torch.manual_seed(0)
    text = {**_TEXT, "vocab_size": len(_WORDS)}
    if family == "clip":
        model = CLIPModel(CLIPConfig(vision_config=_VISION, text_config=text, projection_dim=24))
        processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    elif family == "siglip":
        model = SiglipModel(SiglipConfig(vision_config=_VISION, text_config={**text, "projection_size": 32}))
        processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    else:
        vision = {k: v for k, v in _VISION.items() if k != "image_size"} | {"num_patches": 16}
        model = Siglip2Model(Siglip2Config(vision_config=vision, text_config={**text, "projection_size": 32}))
        processor = Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(_WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    return folder
