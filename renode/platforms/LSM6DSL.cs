//
// LSM6DSL: acceleration and angular rate (data sheet DocID028475), as on the MXChip AZ3166 IoT DevKit.
//
// Renode's STM32F4_I2C asks for a device's answer once, before it knows how many bytes will be read, and
// does not tell when a transfer ends. So a read gives a row of registers from the last sub-address on,
// and nothing happens by reading.
//
using System;

using Antmicro.Renode.Peripherals.I2C;

namespace Antmicro.Renode.Peripherals.Az3166
{
    public class LSM6DSL : II2CPeripheral
    {
        public LSM6DSL()
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
            stored[0x12] = 0x04; // CTRL3_C: IF_INC is on after power-on
        }

        // Thousandths of g.
        public decimal AccelerationX { get; set; }

        public decimal AccelerationY { get; set; }

        public decimal AccelerationZ { get; set; } = 1000;

        // Thousandths of a degree a second.
        public decimal AngularRateX { get; set; }

        public decimal AngularRateY { get; set; }

        public decimal AngularRateZ { get; set; }

        // Degrees Celsius.
        public decimal Temperature { get; set; } = 25;

        private void WriteRegister(byte register, byte value)
        {
            if(register == 0x12)
            {
                // CTRL3_C: BOOT and SW_RESET are done at once.
                if((value & 0x01) != 0)
                {
                    Reset();
                    return;
                }
                stored[register] = (byte)(value & 0x7E);
            }
            else if(register != 0x0F && register < 0x1A)
            {
                stored[register] = value;
            }
        }

        private byte ReadRegister(byte register)
        {
            switch(register)
            {
            case 0x0F: return 0x6A; // WHO_AM_I
            case 0x1E: return 0x07; // STATUS_REG: all are there
            case 0x20: return Low(Counts(Temperature - 25, 256, -32768, 32767));
            case 0x21: return High(Counts(Temperature - 25, 256, -32768, 32767));
            case 0x22: return Low(Rate(AngularRateX));
            case 0x23: return High(Rate(AngularRateX));
            case 0x24: return Low(Rate(AngularRateY));
            case 0x25: return High(Rate(AngularRateY));
            case 0x26: return Low(Rate(AngularRateZ));
            case 0x27: return High(Rate(AngularRateZ));
            case 0x28: return Low(Acceleration(AccelerationX));
            case 0x29: return High(Acceleration(AccelerationX));
            case 0x2A: return Low(Acceleration(AccelerationY));
            case 0x2B: return High(Acceleration(AccelerationY));
            case 0x2C: return Low(Acceleration(AccelerationZ));
            case 0x2D: return High(Acceleration(AccelerationZ));
            default: return stored[register];
            }
        }

        // mg a count by FS_XL, bits 3:2 of CTRL1_XL: 2, 16, 4 and 8 g (data sheet, tables 3 and 51).
        private int Acceleration(decimal value)
        {
            var perCount = new[] { 0.061m, 0.488m, 0.122m, 0.244m }[(stored[0x10] >> 2) & 3];
            return Counts(value, 1 / perCount, -32768, 32767);
        }

        // mdps a count by FS_125 and FS_G, bits 1 and 3:2 of CTRL2_G: 125, or 245, 500, 1000 and 2000 dps.
        private int Rate(decimal value)
        {
            var perCount = (stored[0x11] & 0x02) != 0
                ? 4.375m
                : new[] { 8.75m, 17.5m, 35m, 70m }[(stored[0x11] >> 2) & 3];
            return Counts(value, 1 / perCount, -32768, 32767);
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
