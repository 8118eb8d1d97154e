/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the firmware of a laptop tells of its power, for the kernel's own drivers: a battery that
 * discharges with 9 W, a mains adapter without mains, and a power meter that shows 120 W.
 */
DefinitionBlock ("", "SSDT", 2, "PPTEST", "SENSORS", 1)
{
	Scope (\_SB)
	{
		Device (TBAT)
		{
			Name (_HID, EisaId ("PNP0C0A"))
			Name (_UID, 1)
			Name (_PCL, Package () { \_SB })
			Method (_STA)
			{
				Return (0x1F)
			}
			/* In mW, mWh and mV: design, full, rechargeable, volts, warning, low, steps, names. */
			Name (_BIF, Package () {
				0, 60000, 57000, 1, 11400, 3000, 1500, 100, 100, "TESTBAT", "7", "LION", "TEST"
			})
			/* Discharging; rate, rest, volts. */
			Name (_BST, Package () { 1, 9000, 40000, 11550 })
		}

		Device (TADP)
		{
			Name (_HID, "ACPI0003")
			Name (_PCL, Package () { \_SB })
			Name (_PSR, 0)
		}

		Device (TMET)
		{
			Name (_HID, "ACPI000D")
			Name (_UID, 1)
			/* Measures, in mW, what goes in, 99.5 % exact, each second; no limits, no trips. */
			Name (_PMC, Package () {
				1, 0, 0, 99500, 1000, 1000, 1000, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0xFFFFFFFF,
				"TESTMETER", "7", "TEST"
			})
			Name (_PMM, 120000)
			Name (_PMD, Package () { \_SB })
			Name (_GAI, 1000)
			Method (_PAI, 1)
			{
				Return (0)
			}
		}
	}
}
