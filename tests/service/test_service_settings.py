"""Settings: read from the environment, refused in one line, and all of them documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, load_settings, settings_table, variable_of


def test_variables_are_read_and_options_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_API_KEYS", " first, second ,")
    monkeypatch.setenv("SEMBLANCE_MAX_K", "7")
    monkeypatch.setenv("SEMBLANCE_PORT", "9000")
    settings = load_settings(port=9001, host=None)
    assert [key.get_secret_value() for key in settings.api_keys] == ["first", "second"]
    assert (settings.query_limits.max_k, settings.port, settings.host) == (7, 9001, "127.0.0.1")
    assert "first" not in repr(settings)


def test_a_value_that_does_not_fit_is_refused_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_MAX_K", "many")
    monkeypatch.setenv("SEMBLANCE_PORT", "70000")
    with pytest.raises(SettingsError, match=r"SEMBLANCE_PORT: .*; SEMBLANCE_MAX_K: "):
        load_settings()


def test_the_documentation_lists_every_setting_as_it_is() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == settings_table() + "\n", "run: python -m service.settings > docs/settings.md"
    for name, field in Settings.model_fields.items():
        assert f"`{variable_of(name)}`" in page.read_text()
        assert field.description
