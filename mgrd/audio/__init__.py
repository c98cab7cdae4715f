"""Audio in, named floats out: `load` reads clips, `measure` says how they sound, in the field's names and units."""
