<?php
/** Templates with the tags that the extension uses; values are printed as they are, as core does. */
class tpl {
	private array $values = array();
	private array $loops = array();
	private string $file = '';

	function newTemplate($file) {}
	function setInclude($name, $file) { $this->file = $file; }
	function setVar($name, $value = null) {
		foreach(is_array($name) ? $name : array($name => $value) as $key => $each) $this->values[$key] = $each;
	}
	function setLoop($name, $rows) {
		$this->loops[$name] = $rows;
		$this->values[$name] = 1;
	}
	function pparse() {
		echo $this->parse($this->file, array());
		foreach(array('_csrf_id', '_csrf_key') as $name) {
			if(isset($this->values[$name])) echo '<input type="hidden" name="'.$name.'" value="'.$this->values[$name].'">';
		}
	}

	/** An included file sees no variable of a loop. */
	private function parse(string $file, array $row): string {
		$text = preg_replace('/\{(tmpl_var [^}]*)\}/', '<$1>', file_get_contents($file));
		$text = preg_replace('#<(/?)(tmpl_\w+)([^>]*)>#', "\x01<\$1\$2\$3>\x01", $text);
		$parts = explode("\x01", $text);
		return $this->block($parts, $row, true, dirname($file));
	}
	private function block(array &$parts, array $row, bool $is_shown, string $folder): string {
		$output = '';
		while($parts) {
			$part = array_shift($parts);
			if(!preg_match('#^<(/?)tmpl_(\w+)(?: (?:name|file)=["\'](\w[\w.]*)["\'])?>$#', $part, $found)) {
				$output .= $is_shown ? $part : '';
				continue;
			}
			$name = $found[3] ?? '';
			$value = $row[$name] ?? $this->values[$name] ?? '';
			if($found[1] == '/') return $output;
			if($found[2] == 'else') $is_shown = !$is_shown;
			if($found[2] == 'var' && $is_shown) $output .= $value;
			if($found[2] == 'include' && $is_shown) $output .= $this->parse($folder.'/'.$name, array());
			if($found[2] == 'if' || $found[2] == 'unless') {
				$is_true = ($found[2] == 'if') == ($value != '');
				$inner = $this->block($parts, $row, $is_true, $folder);
				$output .= $is_shown ? $inner : '';
			}
			if($found[2] == 'loop') {
				$rest = $parts;
				foreach($this->loops[$name] ?? array() as $each) {
					$rest = $parts;
					$output .= $is_shown ? $this->block($rest, $each, true, $folder) : '';
				}
				if(!$is_shown || empty($this->loops[$name])) $this->block($rest, array(), false, $folder);
				$parts = $rest;
			}
		}
		return $output;
	}
}
