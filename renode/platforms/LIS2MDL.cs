//
// LIS2MDL: magnetic field (data sheet DocID030183), as on the MXChip AZ3166 IoT DevKit.
//
// Renode's STM32F4_I2C asks for a device's answer once, before it knows how many bytes will be read, and
// does not tell when a transfer ends. So a read gives a row of registers from the last sub-address on,
// and nothing happens by reading.
//
using System;

using Antmicro.Renode.Peripherals.I2C;

namespace Antmicro.Renode.Peripherals.Az3166
{
    public class LIS2MDL : II2CPeripheral
    {
        public LIS2MDL()
        {
            Reset();
        }

        public void Write(byte[] data)
        {
            if(data.Length == 0)
            {
                return;
            }
            // Bit 7 of the sub-address asks for auto-increment on some of the board's parts: masked on all.
            address = (byte)(data[0] & 0x7F);
            for(var i = 1; i < data.Length; i++)
            {
                WriteRegister((byte)((address + i - 1) & 0x7F), data[i]);
            }
        }

        public byte[] Read(int count = 1)
        {
            var result = new byte[Math.Max(count, Longest)];
            for(var i = 0; i < result.Length; i++)
            {
                result[i] = ReadRegister((byte)((address + i) & 0x7F));
            }
            return result;
        }

        public void FinishTransmission()
        {
        }

        public void Reset()
        {
            address = 0;
            Array.Clear(stored, 0, stored.Length);
            stored[0x60] = 0x03; // CFG_REG_A: idle
        }

        // Milligauss.
        public decimal MagneticFluxDensityX { get; set; }

        public decimal MagneticFluxDensityY { get; set; }

        public decimal MagneticFluxDensityZ { get; set; }

        // Degrees Celsius.
        public decimal Temperature { get; set; } = 25;

        private void WriteRegister(byte register, byte value)
        {
            if(register == 0x60)
            {
                // CFG_REG_A: REBOOT and SOFT_RST are done at once.
                if((value & 0x20) != 0)
                {
                    Reset();
                    return;
                }
                stored[register] = (byte)(value & 0x9F);
            }
            else if((register >= 0x45 && register <= 0x4A) || (register >= 0x61 && register <= 0x63))
            {
                stored[register] = value;
            }
        }

        private byte ReadRegister(byte register)
        {
            // 1.5 milligauss a count; 8 counts a degree from 25 (data sheet, table 2).
            switch(register)
            {
            case 0x4F: return 0x40; // WHO_AM_I
            case 0x67: return 0x08; // STATUS_REG: a new set of data
            case 0x68: return Low(Field(MagneticFluxDensityX));
            case 0x69: return High(Field(MagneticFluxDensityX));
            case 0x6A: return Low(Field(MagneticFluxDensityY));
            case 0x6B: return High(Field(MagneticFluxDensityY));
            case 0x6C: return Low(Field(MagneticFluxDensityZ));
            case 0x6D: return High(Field(MagneticFluxDensityZ));
            case 0x6E: return Low(Counts(Temperature - 25, 8, -32768, 32767));
            case 0x6F: return High(Counts(Temperature - 25, 8, -32768, 32767));
            default: return stored[register];
            }
        }

        private static int Field(decimal value)
        {
            return Counts(value, 1 / 1.5m, -32768, 32767);
        }

        private static byte Low(int value)
        {
            return (byte)value;
        }

        private static byte High(int value)
        {
            return (byte)(value >> 8);
        }

        private static int Counts(decimal value, decimal perUnit, int lowest, int highest)
        {
            return (int)Math.Max(lowest, Math.Min(highest, Math.Round(value * perUnit)));
        }

        // The longest row that any driver of the board reads.
        private const int Longest = 16;

        private byte address;
        private readonly byte[] stored = new byte[0x80];
    }
}
