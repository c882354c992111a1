"""Tests the arithmetic of docs/performance.md. Run by `./test scripts`."""

import unittest

import figures


class Figures(unittest.TestCase):
    def test_a_line_goes_through_its_points(self):
        fit = figures.line([(x, 3 * x + 2) for x in (10, 40, 100, 300)])
        self.assertAlmostEqual(fit["slope"], 3)
        self.assertAlmostEqual(fit["intercept"], 2)
        self.assertAlmostEqual(fit["r2"], 1)

    def test_noise_lowers_the_explained_variance(self):
        fit = figures.line([(0, 0), (1, 2), (2, 1), (3, 3)])
        self.assertAlmostEqual(fit["slope"], 0.8)
        self.assertAlmostEqual(fit["intercept"], 0.3)
        self.assertAlmostEqual(fit["r2"], 0.64)

    def test_one_point_has_no_slope(self):
        self.assertEqual(figures.line([(10, 5)]), {"slope": 0.0, "intercept": 5.0, "r2": 1.0})

    def test_threads_divide_decoding_but_not_serial_work(self):
        # Decoding for 20 us is 0.1 % of a core; the serial work is another 0.1 %.
        self.assertEqual(figures.speakers_of(1, 0.2, 20), 400)
        self.assertEqual(figures.speakers_of(4, 0.2, 20), 640)
        self.assertEqual(figures.speakers_of(8, 0.1, 20), 6400)

    def test_mean_of_averages_each_name(self):
        self.assertEqual(figures.mean_of({"speakers": 10, "us": 2.0}, {"speakers": 10, "us": 3.0}), {"speakers": 10, "us": 2.5})

    def test_frame_cost_is_the_cpu_that_listeners_add(self):
        server = {"server_cpu_percent": 12.0, "seconds": 10.0, "listeners": {"frames": 50_000}}
        self.assertAlmostEqual(figures.frame_us({"server": server, "base": {"server_cpu_percent": 2.0}}), 20)

    def test_earlier_turns_are_kept_in_front(self):
        found = {"speakers": 10, "turns": [3], "gstreamer": "new"}
        self.assertEqual(figures.with_turns_before([1, 2], found), {**found, "turns": [1, 2, 3]})
        self.assertEqual(figures.with_turns_before([], {"listeners": 10}), {"listeners": 10})

    def test_each_turn_is_compared_with_its_own_limit(self):
        def turn(limit, percent, loop, worst_ms):
            timing = {"mean_ms": 1.0, "p99_ms": worst_ms, "max_ms": worst_ms}
            counts = {"clients": 10, "speaking": 10, "slots": 100, "skipped_slots": 1, "heard_percent": 100 - worst_ms}
            server = {"server_cpu_percent": percent, "own_cpu_percent": 1.0, "mix_cycle": timing, "slot_lateness": timing}
            parts = {"limit_percent": limit, "tight_limit_percent": limit / 2}
            return {"parts": parts, "server": {**server, **counts}, "stolen_percent": 0.05, "loop_percent": loop}

        # The machine is half as fast in the second turn.
        turns = [turn(10, 11, 10.5, 2), turn(20, 22, 21, 3), turn(10, 13, 10, 1)]
        found = figures.of_turns({"speakers": 10, "turns": turns, "gstreamer": None})
        self.assertEqual({name: round(x, 6) for name, x in found["multiples"].items()}, {"server": 1.1, "server_tight": 2.2, "loop": 1.05})
        self.assertEqual((found["server"]["slots"], found["server"]["skipped_slots"]), (300, 3))
        self.assertEqual((found["server"]["mix_cycle"]["max_ms"], found["server"]["heard_percent"]), (3, 97))
        # The host took CPU time away in the most expensive turn, so that turn no longer counts.
        turns[2]["stolen_percent"] = 1.5
        self.assertAlmostEqual(figures.of_turns({"speakers": 10, "turns": turns[1:], "gstreamer": None})["multiples"]["server"], 1.1)
        self.assertAlmostEqual(figures.of_turns({"speakers": 10, "turns": turns[2:], "gstreamer": None})["multiples"]["server"], 1.3)
        turns[1]["loop_percent"] = None
        self.assertIsNone(figures.of_turns({"speakers": 10, "turns": turns, "gstreamer": None})["multiples"]["loop"])


if __name__ == "__main__":
    unittest.main()
