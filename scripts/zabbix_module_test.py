"""Tests of scripts/zabbix-module: the player inside the Zabbix widget is that of the server's page."""

import importlib.machinery
import importlib.util
import shutil
import tempfile
import unittest
import zipfile
from pathlib import Path

LOADER = importlib.machinery.SourceFileLoader("zabbix_module", str(Path(__file__).resolve().parent / "zabbix-module"))
SPEC = importlib.util.spec_from_loader("zabbix_module", LOADER)
zabbix_module = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(zabbix_module)


class TheModule(unittest.TestCase):
    def test_has_the_player_of_the_page(self):
        self.assertEqual(zabbix_module.complaints(), [], "run scripts/zabbix-module and commit what it changes")

    def test_complains_about_each_difference(self):
        with tempfile.TemporaryDirectory() as folder:
            module = Path(folder) / "raa_player"
            shutil.copytree(zabbix_module.MODULE, module)
            (module / "assets/js/player/sound/rtp.js").write_text("// changed\n")
            (module / "assets/js/player/sound/sound.js").unlink()
            (module / "assets/js/raa/extra.js").write_text("// not loaded\n")
            found = self.complaints_about(module)
        self.assertEqual(len(found), 4, found)
        for words in ("sound/rtp.js differs", "sound/sound.js is missing", "raa/extra.js is not in FILES", "player/sound/sound.js is in FILES"):
            self.assertTrue(any(words in line for line in found), f"nothing says {words!r}: {found}")

    def test_is_packed_the_same_each_time(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = Path(folder) / "1.zip", Path(folder) / "2.zip"
            zabbix_module.pack(first)
            zabbix_module.pack(second)
            self.assertEqual(first.read_bytes(), second.read_bytes())
            names = zipfile.ZipFile(first).namelist()
        top = f"raa-zabbix-{zabbix_module.version()}"
        for name in ("README.md", "LICENSE-MIT", "modules/raa_player/manifest.json", "modules/raa_player/assets/js/player/player.js",
                     "modules/raa_player/assets/js/player/vendor/opus-decoder/LICENSE-libopus"):
            self.assertIn(f"{top}/{name}", names)

    def complaints_about(self, module):
        """Returns what is wrong with a copy of the module."""
        saved = {name: getattr(zabbix_module, name) for name in ("ROOT", "MODULE", "PLAYER", "LOADER")}
        root = module.parent
        shutil.copy(zabbix_module.ROOT / "Cargo.toml", root)
        try:
            zabbix_module.ROOT, zabbix_module.MODULE = root, module
            zabbix_module.PLAYER, zabbix_module.LOADER = module / "assets/js/player", module / "assets/js/class.widget.js"
            web = saved["ROOT"] / "crates/raa-server/web"
            self.assertEqual(zabbix_module.WEB, web)
            shutil.copytree(web, root / "crates/raa-server/web")
            zabbix_module.WEB = root / "crates/raa-server/web"
            return zabbix_module.complaints()
        finally:
            zabbix_module.WEB = saved["ROOT"] / "crates/raa-server/web"
            for name, value in saved.items():
                setattr(zabbix_module, name, value)


if __name__ == "__main__":
    unittest.main()
