//
// HTS221: relative humidity and temperature (data sheet DocID026333), as on the MXChip AZ3166 IoT DevKit.
//
// Renode's STM32F4_I2C asks for a device's answer once, before it knows how many bytes will be read, and
// does not tell when a transfer ends. So a read gives a row of registers from the last sub-address on,
// and nothing happens by reading.
//
using System;

using Antmicro.Renode.Peripherals.I2C;

namespace Antmicro.Renode.Peripherals.Az3166
{
    public class HTS221 : II2CPeripheral
    {
        public HTS221()
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
        }

        // Degrees Celsius.
        public decimal Temperature { get; set; } = 25;

        // Percent of relative humidity.
        public decimal Humidity { get; set; } = 50;

        private void WriteRegister(byte register, byte value)
        {
            switch(register)
            {
            case 0x10: // AV_CONF
            case 0x20: // CTRL_REG1
            case 0x22: // CTRL_REG3
                stored[register] = value;
                break;
            case 0x21: // CTRL_REG2: BOOT and ONE_SHOT are done at once
                stored[register] = (byte)(value & 0x02);
                break;
            }
        }

        private byte ReadRegister(byte register)
        {
            // Calibration: a straight line of 64 counts a degree from 0 to 40 degrees, and of 256 counts a
            // percent from 0 to 80 percent. Whole degrees and even percents, so that drivers that shift
            // before they divide agree with those that do not.
            switch(register)
            {
            case 0x0F: return 0xBC; // WHO_AM_I
            case 0x27: return 0x03; // STATUS_REG: both are there
            case 0x28: return Low(HumidityCounts);
            case 0x29: return High(HumidityCounts);
            case 0x2A: return Low(TemperatureCounts);
            case 0x2B: return High(TemperatureCounts);
            case 0x30: return 0; // H0_rH_x2
            case 0x31: return 160; // H1_rH_x2
            case 0x32: return 0; // T0_degC_x8
            case 0x33: return Low(320); // T1_degC_x8
            case 0x35: return (byte)(High(320) << 2); // T1/T0 msb
            case 0x36: return 0; // H0_T0_OUT
            case 0x37: return 0;
            case 0x3A: return Low(80 * 256); // H1_T0_OUT
            case 0x3B: return High(80 * 256);
            case 0x3C: return 0; // T0_OUT
            case 0x3D: return 0;
            case 0x3E: return Low(40 * 64); // T1_OUT
            case 0x3F: return High(40 * 64);
            default: return stored[register];
            }
        }

        private int HumidityCounts => Counts(Humidity, 256, 0, 100 * 256);

        private int TemperatureCounts => Counts(Temperature, 64, -40 * 64, 120 * 64);

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
