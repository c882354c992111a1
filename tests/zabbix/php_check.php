<?php declare(strict_types = 1);
// Checks that every class, method and constant of Zabbix that the widget's PHP names exists in a version's sources.
//
//   php php_check.php FRONTEND MODULE
//
// A name that one version of Zabbix lacks ends every page with the widget in "Unexpected server error", and only there.
// So nothing is run here: both are read as text. Always: says how many names it has checked; none is an error.

[, $frontend, $module] = $argv + [null, null, null];
is_dir("$frontend/include") && is_dir((string) $module) || exit("php_check.php FRONTEND MODULE: folders of Zabbix' frontend and of the module\n");

$zabbix = read_classes(php_files($frontend, ['include', 'app']));
$own = read_classes(php_files($module, ['.']));
$wrong = [];
$checked = 0;

foreach (php_files($module, ['.']) as $file) {
	foreach (names_in($file) as [$line, $kind, $class, $member]) {
		$short = substr((string) strrchr("\\$class", '\\'), 1);
		$checked++;

		if ($kind === 'class') {
			if (!isset($zabbix[$short]) && !isset($own[$short])) {
				$wrong[] = "$file:$line: class $class does not exist";
			}
		}
		elseif (!has_member($member, $kind, $own + $zabbix)) {
			$wrong[] = "$file:$line: no class has the $kind $member";
		}
	}
}

echo implode("\n", $wrong), $wrong ? "\n" : '', "$checked names checked against ", count($zabbix), " classes\n";
exit($wrong || $checked === 0 || !$zabbix ? 1 : 0);

/** @return string[] */
function php_files(string $root, array $folders): array {
	$files = [];

	foreach ($folders as $folder) {
		foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator("$root/$folder", FilesystemIterator::SKIP_DOTS)) as $file) {
			if ($file->getExtension() === 'php') {
				$files[] = $file->getPathname();
			}
		}
	}

	sort($files);

	return $files;
}

/** Returns the members of each class: [short name => ['method' => [name => true], 'constant' => ..., 'property' => ...]]. */
function read_classes(array $files): array {
	$classes = [];

	foreach ($files as $file) {
		$tokens = significant_tokens($file);
		$class = null;

		foreach ($tokens as $i => $token) {
			$before = $tokens[$i - 1] ?? null;
			$next = $tokens[$i + 1] ?? null;

			if (in_array($token->id, [T_CLASS, T_INTERFACE, T_TRAIT], true) && $before?->id !== T_DOUBLE_COLON && $next?->id === T_STRING) {
				$class = $next->text;
				$classes[$class] ??= ['method' => [], 'constant' => [], 'property' => []];
			}
			elseif ($class !== null && $token->id === T_FUNCTION) {
				$name = $next?->text === '&' ? $tokens[$i + 2] : $next;
				$classes[$class]['method'][$name->text] = true;
			}
			elseif ($class !== null && $token->id === T_CONST && $next !== null) {
				$classes[$class]['constant'][$next->text] = true;
			}
			elseif ($class !== null && $token->id === T_VARIABLE && in_array($before?->id, [T_STRING, T_PRIVATE, T_PROTECTED, T_PUBLIC, T_ARRAY, T_STATIC], true)) {
				$classes[$class]['property'][substr($token->text, 1)] = true;
			}
		}
	}

	return $classes;
}

/** Yields [line, kind, class, member] for each name that a file uses. */
function names_in(string $file): iterable {
	$tokens = significant_tokens($file);
	$names = [T_STRING, T_NAME_QUALIFIED, T_NAME_FULLY_QUALIFIED];
	$group = '';

	foreach ($tokens as $i => $token) {
		$before = $tokens[$i - 1] ?? null;
		$next = $tokens[$i + 1] ?? null;

		if (in_array($token->id, $names, true) && (in_array($before?->id, [T_NEW, T_EXTENDS, T_IMPLEMENTS], true) || $next?->id === T_DOUBLE_COLON)) {
			if (!in_array($token->text, ['self', 'parent', 'static'], true)) {
				yield [$token->line, 'class', $token->text, ''];
			}
		}
		elseif ($token->id === T_STRING && preg_match('/^C[A-Z][a-z]/', $token->text) && in_array($before?->text, [',', '{', 'use'], true)) {
			yield [$token->line, 'class', $token->text, ''];
		}
		elseif ($token->id === T_STRING && in_array($before?->id, [T_OBJECT_OPERATOR, T_DOUBLE_COLON], true)) {
			$kind = $next?->text === '(' ? 'method' : ($before->id === T_DOUBLE_COLON ? 'constant' : 'property');
			yield [$token->line, $kind, '', $token->text];
		}
	}
}

function has_member(string $member, string $kind, array $classes): bool {
	foreach ($classes as $members) {
		if (isset($members[$kind][$member])) {
			return true;
		}
	}

	return false;
}

/** @return PhpToken[] */
function significant_tokens(string $file): array {
	return array_values(array_filter(PhpToken::tokenize(file_get_contents($file)), fn($token) => !$token->isIgnorable()));
}
