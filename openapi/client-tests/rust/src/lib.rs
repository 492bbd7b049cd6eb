#![doc = include_str!(env!("GUIDE"))]
