"""The sample's sun rises and sets, and its registers never run backwards."""

from sample_utility import CLOUDS, PLANTS, make_meters, plant_mw, roof_kwh, sun_share


def test_the_sun_is_up_by_day_and_highest_near_local_noon() -> None:
    day = [sun_share(interval) for interval in range(96)]
    assert day[0] == 0.0
    assert 40 <= day.index(max(day)) <= 50
    assert 0.5 < max(day) <= CLOUDS[0]
    assert roof_kwh(48, 8.0) < 8.0 / 4


def test_plants_stay_within_their_capacity() -> None:
    for plant in PLANTS:
        powers = [plant_mw(plant, interval) * plant.units for interval in range(672)]
        assert 0.0 <= min(powers) <= max(powers) <= plant.capacity_mw


def test_a_solar_site_has_two_registers_and_one_premise() -> None:
    meters = make_meters()
    assert len({meter.meter_id for meter in meters}) == len(meters) == 200
    exports = [meter for meter in meters if meter.register == "export"]
    imports = [meter for meter in meters if meter.register == "import"]
    assert [meter.premise_id for meter in exports] == [meter.premise_id for meter in imports]
    assert {meter.scale_factor for meter in exports} == {-1.0}
