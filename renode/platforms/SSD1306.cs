//
// SSD1306: OLED controller of 128x64 pixels (data sheet rev 1.1), as on the MXChip AZ3166 IoT DevKit.
//
// Renode's STM32F4_I2C hands a whole transfer over at once. Commands keep their state over transfers:
// some drivers send a command and its parameters in transfers of their own.
//
using System;
using System.Collections.Generic;
using System.Text;

using Antmicro.Renode.Peripherals.I2C;

namespace Antmicro.Renode.Peripherals.Az3166
{
    public class SSD1306 : II2CPeripheral
    {
        public SSD1306()
        {
            Reset();
        }

        public void Reset()
        {
            Array.Clear(memory, 0, memory.Length);
            parameters.Clear();
            command = 0;
            wanted = 0;
            mode = 2;
            firstColumn = 0;
            lastColumn = Columns - 1;
            firstPage = 0;
            lastPage = Pages - 1;
            column = 0;
            page = 0;
            on = false;
            allOn = false;
            inverted = false;
        }

        // The picture as a person sees it: 1,024 bytes in hexadecimal, eight rows of 128 columns, each byte
        // eight pixels with the top one lowest. Start line, offset and scrolling change nothing in it.
        public string Picture
        {
            get
            {
                var text = new StringBuilder(2 * memory.Length);
                foreach(var pixels in memory)
                {
                    var shown = allOn ? (byte)0xFF : pixels;
                    shown = inverted ? (byte)~shown : shown;
                    text.Append((on ? shown : (byte)0).ToString("x2"));
                }
                return text.ToString();
            }
        }

        public void Write(byte[] data)
        {
            var at = 0;
            while(at < data.Length)
            {
                var control = data[at++];
                var isData = (control & 0x40) != 0;
                // Co = 1: one byte, then a control byte again; 0: all that follow.
                var end = (control & 0x80) != 0 ? Math.Min(at + 1, data.Length) : data.Length;
                for(; at < end; at++)
                {
                    if(isData)
                    {
                        Draw(data[at]);
                    }
                    else
                    {
                        Command(data[at]);
                    }
                }
            }
        }

        public byte[] Read(int count = 1)
        {
            // Status: bit 6 is set while the display is off.
            return new[] { on ? (byte)0x00 : (byte)0x40 };
        }

        public void FinishTransmission()
        {
        }

        private void Draw(byte pixels)
        {
            memory[page * Columns + column] = pixels;
            switch(mode)
            {
            case 0: // horizontal
                if(column != lastColumn)
                {
                    column = (column + 1) % Columns;
                    break;
                }
                column = firstColumn;
                page = page == lastPage ? firstPage : (page + 1) % Pages;
                break;
            case 1: // vertical
                if(page != lastPage)
                {
                    page = (page + 1) % Pages;
                    break;
                }
                page = firstPage;
                column = column == lastColumn ? firstColumn : (column + 1) % Columns;
                break;
            default: // page
                column = (column + 1) % Columns;
                break;
            }
        }

        private void Command(byte value)
        {
            if(wanted > 0)
            {
                parameters.Add(value);
                if(parameters.Count == wanted)
                {
                    wanted = 0;
                    Execute();
                }
                return;
            }
            parameters.Clear();
            command = value;
            if(value <= 0x0F)
            {
                column = (column & 0xF0) | value;
                column %= Columns;
            }
            else if(value <= 0x1F)
            {
                column = (column & 0x0F) | ((value & 0x07) << 4);
            }
            else if(value >= 0xB0 && value <= 0xB7)
            {
                page = value & 0x07;
            }
            else
            {
                wanted = Parameters(value);
                if(wanted == 0)
                {
                    Execute();
                }
            }
        }

        private void Execute()
        {
            switch(command)
            {
            case 0x20:
                mode = Math.Min(parameters[0] & 3, 2);
                break;
            case 0x21:
                firstColumn = parameters[0] & 0x7F;
                lastColumn = parameters[1] & 0x7F;
                column = firstColumn;
                break;
            case 0x22:
                firstPage = parameters[0] & 7;
                lastPage = parameters[1] & 7;
                page = firstPage;
                break;
            case 0xA4:
            case 0xA5:
                allOn = command == 0xA5;
                break;
            case 0xA6:
            case 0xA7:
                inverted = command == 0xA7;
                break;
            case 0xAE:
            case 0xAF:
                on = command == 0xAF;
                break;
            }
        }

        // How many bytes follow a command (data sheet, table 9).
        private static int Parameters(byte value)
        {
            switch(value)
            {
            case 0x20: // addressing mode
            case 0x81: // contrast
            case 0x8D: // charge pump
            case 0xA8: // multiplex ratio
            case 0xD3: // offset
            case 0xD5: // clock
            case 0xD9: // pre-charge
            case 0xDA: // pins
            case 0xDB: // VCOMH
                return 1;
            case 0x21: // columns
            case 0x22: // pages
            case 0xA3: // vertical scroll area
                return 2;
            case 0x26: // scrolling
            case 0x27:
                return 6;
            case 0x29:
            case 0x2A:
                return 5;
            default:
                return 0;
            }
        }

        private const int Columns = 128;
        private const int Pages = 8;

        private readonly byte[] memory = new byte[Columns * Pages];
        private readonly List<byte> parameters = new List<byte>();
        private byte command;
        private int wanted;
        private int mode;
        private int firstColumn;
        private int lastColumn;
        private int firstPage;
        private int lastPage;
        private int column;
        private int page;
        private bool on;
        private bool allOn;
        private bool inverted;
    }
}
