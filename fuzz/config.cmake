# Forms of configuration files.
foreach(form ini nvmetcli json)
	weft_fuzzer(config-${form} config-${form}.c config-fuzz.c LIBS weft-config)
endforeach()
