"""Maps and filters in a grid, each with its title and its scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import plot

MAPS = np.random.default_rng(0).normal(size=(5, 6, 8))


def test_maps_have_titles_and_scales_of_their_own() -> None:
    figure = plot.feature_maps(MAPS * np.arange(1, 6)[:, None, None], list("abcde"), "All of them")
    assert [ax.get_title() for ax in figure.axes] == list("abcde")
    assert figure.get_suptitle() == "All of them"
    limits = [ax.images[0].get_clim() for ax in figure.axes]
    for (low, high), m in zip(limits, MAPS * np.arange(1, 6)[:, None, None], strict=True):
        assert m.min() <= low < high <= m.max()
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), 3 * MAPS[2])


def test_a_few_bright_spots_do_not_leave_the_rest_grey() -> None:
    spots = np.linspace(0, 1, 100).reshape(1, 10, 10).copy()
    spots[0, -1, -4:] = 1000
    low, high = plot.feature_maps(spots).axes[0].images[0].get_clim()
    assert 0 < low < high < 1
    lone = np.zeros((1, 9, 9))
    lone[0, 4, 4] = 3
    assert plot.feature_maps(lone).axes[0].images[0].get_clim() == (0, 3)


def test_seven_maps_lie_in_rows_of_four_and_three() -> None:
    rows = [ax.get_subplotspec().rowspan.start for ax in plot.feature_maps(np.ones((7, 2, 2))).axes]
    assert rows == [0, 0, 0, 0, 1, 1, 1]


def test_filters_share_a_scale_about_zero() -> None:
    *panels, bar = plot.filter_weights(MAPS).axes
    assert len(panels) == 5
    largest = np.abs(MAPS).max()
    assert {panel.images[0].get_clim() for panel in panels} == {(-largest, largest)}
    assert bar.get_ylabel() == "weight"
    assert len(plot.filter_weights(np.zeros((2, 3, 3))).axes) == 3


def test_no_more_than_64_are_drawn() -> None:
    assert len(plot.feature_maps(np.ones((70, 2, 2))).axes) == 64


@pytest.mark.parametrize(
    ("maps", "titles", "message"),
    [
        (MAPS[0], None, r"expected \(F, H, W\)"),
        (MAPS[:0], None, "not empty"),
        (MAPS, ["a"], "1 titles for 5 pictures"),
    ],
)
def test_what_does_not_fit_is_told(maps: Any, titles: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot.feature_maps(maps, titles)
