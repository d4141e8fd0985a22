//
// LPS22HB: pressure (data sheet DocID027083), as on the MXChip AZ3166 IoT DevKit.
//
// Renode's STM32F4_I2C asks for a device's answer once, before it knows how many bytes will be read, and
// does not tell when a transfer ends. So a read gives a row of registers from the last sub-address on,
// and nothing happens by reading.
//
using System;

using Antmicro.Renode.Peripherals.I2C;

namespace Antmicro.Renode.Peripherals.Az3166
{
    public class LPS22HB : II2CPeripheral
    {
        public LPS22HB()
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
            stored[0x11] = 0x10; // CTRL_REG2: IF_ADD_INC is on after power-on
        }

        // Hectopascal.
        public decimal Pressure { get; set; } = 1013.25m;

        // Degrees Celsius.
        public decimal Temperature { get; set; } = 25;

        private void WriteRegister(byte register, byte value)
        {
            if(register == 0x11)
            {
                // CTRL_REG2: BOOT, SWRESET and ONE_SHOT are done at once.
                if((value & 0x04) != 0)
                {
                    Reset();
                    return;
                }
                stored[register] = (byte)(value & 0x78);
            }
            else if(register >= 0x0B && register <= 0x1A && register != 0x0F)
            {
                stored[register] = value;
            }
        }

        private byte ReadRegister(byte register)
        {
            // 4,096 counts a hectopascal, 100 a degree (data sheet, table 3).
            var pressure = Counts(Pressure, 4096, 260 * 4096, 1260 * 4096);
            var temperature = Counts(Temperature, 100, -4000, 8500);
            switch(register)
            {
            case 0x0F: return 0xB1; // WHO_AM_I
            case 0x27: return 0x03; // STATUS: both are there
            case 0x28: return Low(pressure);
            case 0x29: return High(pressure);
            case 0x2A: return (byte)(pressure >> 16);
            case 0x2B: return Low(temperature);
            case 0x2C: return High(temperature);
            default: return stored[register];
            }
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
