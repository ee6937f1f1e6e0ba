"""Files up (`Upload`, `File`) and down (`Download`), never whole in memory."""

from __future__ import annotations

from .download import Download, DownloadStream
from .text_lines import TextLines
from .transfer import StreamResponse, StreamSender
from .upload import File, MultipartBody, Upload, multipart

__all__ = [
    "Download",
    "DownloadStream",
    "File",
    "MultipartBody",
    "StreamResponse",
    "StreamSender",
    "TextLines",
    "Upload",
    "multipart",
]
