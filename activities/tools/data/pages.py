"""Any Markdown as one HTML page: what looks like HTML stays text, and nothing is fetched."""

from base64 import b64encode
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

from activities.tools.data.headers import cleaned
from activities.tools.data.rendering import page_environment, printable


def page_of(text: str, title: str, pictures: Mapping[str, bytes]) -> str:
    """Pictures that the text names are put into the page; of all others, only the description stays."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    renderer.add_render_rule("image", _picture(pictures))
    body = Markup(renderer.render(printable(text)))
    return page_environment().get_template("document.html.j2").render(title=cleaned(title, 200), body=body)


def _picture(pictures: Mapping[str, bytes]) -> Callable[..., str]:
    def image(
        self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        del self, options, env
        name, about = str(tokens[index].attrs.get("src", "")), escape(tokens[index].content)
        if name not in pictures:
            return f"<em>{about}</em>"
        kind = "svg+xml" if name.endswith(".svg") else "png"
        return f'<img alt="{about}" src="data:image/{kind};base64,{b64encode(pictures[name]).decode()}">'

    return image
